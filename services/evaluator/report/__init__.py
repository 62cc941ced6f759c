"""The report: what an experiment found, on a page that stands alone and in a terminal.

`write` and `show` are the doors. `summary` says what there is to say, `chart` draws, `html` and `terminal` set it out.
The report knows nothing of models or ledgers.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.evaluator.result import Experiment

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show", "write"]


def write(experiment: Experiment, path: Path) -> None:
    """Writes the report as one HTML file that needs no other; the folder is made if need be."""
    from services.evaluator.report import html

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html.page(experiment), encoding="utf-8")


def show(experiment: Experiment, console: "Console") -> None:
    """Prints the report's findings and tables."""
    from services.evaluator.report import terminal

    terminal.show(experiment, console)
