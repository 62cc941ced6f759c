"""A run's progress bar: how many items are done, reused and failed, how fast it goes and when it ends."""

from earwitness.progress import Bar
from services.evaluator import run


class RunBar(Bar):
    """One line on the terminal. Use it as a context manager."""

    def show(self, progress: run.Progress) -> None:
        """Moves the bar."""
        notes = [f"{progress.reused} from the ledger"] if progress.reused else []
        notes += [f"{progress.failed} failed"] if progress.failed else []
        self.move(progress.done, ", ".join(notes))
