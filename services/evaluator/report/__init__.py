"""The report: what an experiment found, on a page that stands alone, in a terminal, and as files for other programs.

`write`, `show` and `export` are the doors, `write_published` and `show_published` the same beside what the paper
published. `grid` lays the runs out; each of the other nouns is one part of the report. The report knows nothing of
models or ledgers.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.evaluator.result import Experiment

if TYPE_CHECKING:
    from rich.console import Console

    from services.evaluator.report.usage import Costs

__all__ = ["export", "show", "show_published", "write", "write_published"]


def export(experiment: Experiment, folder: Path, kind: str, path: Path, *, items: bool = False) -> None:
    """Writes the runs as markdown, csv, json, parquet or latex, or every item as csv, json or parquet.

    `folder` holds the runs' answers files. Raises InvalidInput for another kind.
    """
    from services.evaluator.report import exports

    exports.export(experiment, folder, kind, path, items=items)


def write(experiment: Experiment, folder: Path, path: Path, costs: "Costs | None" = None) -> None:
    """Writes the report as one HTML file that needs no other; the file's folder is made if need be.

    `folder` holds the runs' answers files. `costs` goes by a run's answers file.
    """
    from services.evaluator.report import html

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html.page(experiment, folder, costs), encoding="utf-8")


def show(experiment: Experiment, console: "Console", costs: "Costs | None" = None) -> None:
    """Prints the report's findings and tables."""
    from services.evaluator.report import terminal

    terminal.show(experiment, console, costs)


def write_published(path: Path, experiment: Experiment | None = None, folder: Path | None = None) -> None:
    """Writes the paper's results as one HTML file, with an experiment's runs beside them where they have a place.

    `folder` is where the experiment's results are kept; the page says its name.
    """
    from services.evaluator.report import published_page

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(published_page.page(experiment, folder.name if folder else ""), encoding="utf-8")


def show_published(console: "Console", experiment: Experiment | None = None) -> None:
    """Prints the paper's tables and correlations, with an experiment's runs beside them where they have a place."""
    from services.evaluator.report import published_terminal

    published_terminal.show(console, experiment)
