"""The trainer's progress bars: clips and targets, and steps with their losses."""

from earwitness.progress import Bar
from services.trainer.curve import Point


class CountBar(Bar):
    """Counts what is made. Use it as a context manager."""

    def show(self, done: int, total: int) -> None:
        """Moves the bar."""
        self.move(done, total=total)


class StepBar(Bar):
    """Counts steps and shows their losses, in nats per token. Use it as a context manager."""

    def __init__(self, title: str, total: int) -> None:
        super().__init__(title, total)
        self._held_out = ""

    def show(self, point: Point) -> None:
        """Moves the bar to a step."""
        if point.held_out is not None:
            self._held_out = f" held out {point.held_out:.3f}"
        loss = "" if point.loss is None else f"loss {point.loss:.3f}"
        self.move(point.step, f"{loss}{self._held_out}")
