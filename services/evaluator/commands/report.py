"""`earwitness report`: what a results folder holds, shown and exported."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from services.evaluator.cost import Cost
    from services.evaluator.result import Experiment

EXPORTS = ("markdown", "csv", "json", "parquet", "latex")


def register(commands: Any) -> None:
    """Adds the commands."""
    report = commands.add_parser("report", help="show the results in a folder, and write them as a page")
    report.add_argument("folder", type=Path, nargs="?", default=Path("results"))
    report.add_argument("--html", type=Path, metavar="FILE", help="(default: report.html in the folder)")
    report.add_argument("--published", action="store_true", help="the paper's tables, with the folder's runs beside")
    report.add_argument("--export", choices=EXPORTS, help="write a table of all runs instead of showing them")
    report.add_argument("--items", action="store_true", help="export every answer instead (csv, json, parquet)")
    report.add_argument("--to", type=Path, metavar="FILE", help="of the export")
    report.add_argument("--prices", type=Path, metavar="FILE", help="by backbone, in the form of prices.yaml")
    report.add_argument("--gpus", type=float, default=0.0, help="that each backbone was served on (default: unknown)")
    report.set_defaults(execute=execute_report)


def execute_report(options: argparse.Namespace) -> None:
    """Prints the tables and writes the page, or exports, or draws the published results."""
    if options.export:
        _export(options)
    elif options.published:
        _publish(options)
    else:
        present(options.folder, options.html, prices=options.prices, gpus=options.gpus)


def present(folder: Path, page: Path | None = None, *, prices: Path | None = None, gpus: float = 0.0) -> None:
    """Prints the tables of a folder and writes the page; with what the runs cost, where prices are known."""
    from rich.console import Console

    from services.evaluator import report, result

    experiment, page = result.load(folder), page or folder / "report.html"
    costs = _costs(experiment, prices, gpus)
    report.show(experiment, Console(), costs)
    report.write(experiment, folder, page, costs)
    print(f"\nReport: {page.resolve()}")


def _costs(experiment: "Experiment", prices: Path | None, gpus: float) -> "dict[str, Cost]":
    """Returns what each run cost, by its answers file."""
    from services.evaluator.cost import Named, Prices

    known = Prices.load(prices)
    names = {run.answers: run.backbone for run in experiment.results}
    payers = {name: Named(name=name, price=name if name in known.entries else "", gpus=gpus) for name in names.values()}
    return {each.answers: known.cost(each, payers[names[each.answers]]) for each in experiment.usage}


def _publish(options: argparse.Namespace) -> None:
    from rich.console import Console

    from services.evaluator import report, result

    own = result.load(options.folder) if (options.folder / result.RESULTS).is_file() else None
    page = options.html or Path("published.html")
    report.show_published(Console(), own)
    report.write_published(page, own, options.folder)
    print(f"\nReport: {page.resolve()}")


def _export(options: argparse.Namespace) -> None:
    from services.evaluator import report, result

    if options.to is None:
        raise InvalidInput("there is no file to write to", "--to", "give one")
    experiment = result.load(options.folder)
    report.export(experiment, options.folder, options.export, options.to, items=options.items)
    print(options.to.resolve())
