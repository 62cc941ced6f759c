"""`earwitness data`: which benchmarks there are, their data from the hub, and a check of data brought by hand."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.evaluator.download import Findings


def register(commands: Any) -> None:
    """Adds the command."""
    data = commands.add_parser("data", help="list benchmarks, fetch their data, check data brought by hand")
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="show the benchmarks and whether their data is here")
    listing.set_defaults(execute=execute_list)
    get = actions.add_parser("get", help="fetch a benchmark from the hub; started again, it goes on where it was")
    get.add_argument("benchmark", help="mmau or mmar")
    get.add_argument("--to", type=Path, metavar="FOLDER", help="(default: where `earwitness run` looks for it)")
    get.add_argument(
        "--revision", default="main", help="branch, tag or commit of the repository (default: %(default)s)"
    )
    get.set_defaults(execute=execute_get)
    check = actions.add_parser("check", help="say what a folder with a benchmark's data holds, and what it lacks")
    check.add_argument("benchmark")
    check.add_argument("folder", type=Path)
    check.set_defaults(execute=execute_check)


def execute_list(_: argparse.Namespace) -> None:
    """Prints the registry."""
    from rich.console import Console
    from rich.table import Table

    from earwitness.errors import NotFound
    from services.evaluator.benchmarks import BENCHMARKS, entry_of, find, folder_of

    table = Table("benchmark", "breakdowns", "data", box=None)
    for name in BENCHMARKS:
        entry = entry_of(name)
        try:
            where = "comes with Earwitness" if entry.path else str(find(name, folder_of(name)))
        except NotFound:
            where = f"earwitness data get {name}" if entry.on_hub else f"--data: {entry.wanted}"
        table.add_row(name, ", ".join(entry.breakdowns), where)
    Console().print(table)


def execute_get(options: argparse.Namespace) -> None:
    """Fetches, shows the progress, and prints what is there then."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from services.evaluator import download
    from services.evaluator.benchmarks import entry_of, folder_of

    entry_of(options.benchmark)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns) as bar:
        tasks: dict[str, Any] = {}

        def show(file: str, have: int, size: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file)
            bar.update(tasks[file], completed=have, total=size)

        folder = options.to or folder_of(options.benchmark)
        findings = download.get(options.benchmark, folder, show, options.revision)
    if tasks:
        _say("checked against the digests that the hub states: " + ", ".join(tasks))
    _print(findings)


def execute_check(options: argparse.Namespace) -> None:
    """Prints what the folder holds."""
    from services.evaluator import download

    _print(download.check(options.benchmark, options.folder))


def _print(findings: "Findings") -> None:
    withheld = f", {findings.num_withheld} of them without an answer" if findings.num_withheld else ""
    _say(f"{findings.path}: {findings.num_items} items{withheld}")
    _say(f"SHA-256 {findings.sha256}")
    if findings.num_missing:
        _say(f"clips missing, each a failure once it is asked about: {findings.num_missing}; the first:")
        for path in findings.missing:
            _say(f"  {path}")
    else:
        _say("no clip is missing")


def _say(line: str) -> None:
    from rich.console import Console

    Console(soft_wrap=True, highlight=False, markup=False).print(line)
