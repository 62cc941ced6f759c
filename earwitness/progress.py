"""A progress bar: what is done of how much, how long it has taken and how long it will."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Bar:
    """One line on the terminal. Use it as a context manager."""

    def __init__(self, title: str, total: int) -> None:
        self._bar = Progress(
            TextColumn("  {task.description:<17}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=Console(),
        )
        self._task = self._bar.add_task(title, total=total, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def move(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Says how much is done, and a few words about it; `total` changes of how much."""
        self._bar.update(self._task, completed=done, note=note, total=total)
