"""The trainer's progress bars: clips and targets, and steps with their losses and speed."""

from earwitness.progress import Bar
from services.trainer.curve import Point

WIDE = 120
"""Columns that a line with everything takes; on a narrower terminal the speed is left out."""


class CountBar(Bar):
    """Counts what is made. Use it as a context manager."""

    def show(self, done: int, total: int) -> None:
        """Moves the bar."""
        self.move(done, total=total)


class StepBar(Bar):
    """Counts steps and shows their losses, in nats per token, and their speed. Use it as a context manager."""

    def __init__(self, title: str, total: int) -> None:
        super().__init__(title, total)
        self._held_out = ""
        self._skipped = 0

    def show(self, point: Point) -> None:
        """Moves the bar to a step."""
        if point.held_out is not None:
            self._held_out = f" held out {point.held_out:.3f}"
        self._skipped += bool(point.skipped)
        loss = "" if point.loss is None else f"loss {point.loss:.3f}"
        skipped = f" {self._skipped} skipped" if self._skipped else ""
        speed = _speed(point) if self._bar.console.width >= WIDE else ""
        self.move(point.step, f"{loss}{self._held_out}{skipped}{speed}")

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self._bar.console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _speed(point: Point) -> str:
    if not point.seconds:
        return ""
    sound = f" {point.audio_s / point.seconds:.1f} s/s" if point.audio_s else ""
    used = f" {point.mfu:.0%} MFU" if point.mfu else ""
    return f" {point.read_tokens / point.seconds:,.0f} tok/s{sound}{used}"
