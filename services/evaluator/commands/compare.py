"""`earwitness compare` and `earwitness gate`: two runs over the same items, item by item."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import EngineFailure, InvalidInput, NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from services.evaluator.compare import Comparison, Difference
    from services.evaluator.result import RunResult

FLIPS_SHOWN = 10


def register(commands: Any) -> None:
    """Adds the commands."""
    compare = commands.add_parser("compare", help="test two runs over the same items against each other")
    gate = commands.add_parser("gate", help="fail (exit 1) where a candidate is significantly worse than a baseline")
    for command, names in ((compare, ("first", "second")), (gate, ("candidate", "baseline"))):
        for name in names:
            command.add_argument(name, type=Path, help="a results folder")
        command.add_argument("--benchmark", default="", help="which of the folder's, if it has several")
        command.add_argument("--setting", default="", help="which of the folder's, if it has several")
        command.add_argument("--backbone", default="", metavar="NAME", help="whose runs, or NAME,NAME one for each")
    compare.set_defaults(execute=execute_compare)
    gate.add_argument("--max-drop", type=float, default=0.0, metavar="POINTS", help="a drop that is allowed")
    gate.add_argument("--alpha", type=float, default=0.05, help="chance of failing by luck (default: %(default)s)")
    gate.set_defaults(execute=execute_gate)


def execute_compare(options: argparse.Namespace) -> None:
    """Prints the paired test, overall and by group."""
    from rich.console import Console

    from services.evaluator import compare, result

    first, second = _two(options, options.first, options.second)
    groups = [item.groups for item in result.items(options.first, first)]
    _show(compare.compare(first, second, groups), first, second, Console())
    _flips(options, first, second)


def execute_gate(options: argparse.Namespace) -> None:
    """Prints the verdict; raises EngineFailure, which exits with 1, where the candidate does not pass."""
    from services.evaluator import compare

    candidate, baseline = _two(options, options.candidate, options.baseline)
    verdict = compare.gate(candidate, baseline, max_drop_points=options.max_drop, alpha=options.alpha)
    print(verdict.sentence)
    if not verdict.passed:
        raise EngineFailure(f"{candidate.backbone} does not pass: {verdict.reason}", "gate")


def _two(options: argparse.Namespace, first: Path, second: Path) -> "tuple[RunResult, RunResult]":
    names = options.backbone.split(",")
    a = _pick(first, options, names[0], "")
    return a, _pick(second, options, names[-1], a.answers if first.resolve() == second.resolve() else "")


def _pick(folder: Path, options: argparse.Namespace, backbone: str, but: str) -> "RunResult":
    """Returns the one run of a folder that the options name; raises NotFound for none, InvalidInput for several."""
    from services.evaluator import result

    wanted = {"benchmark": options.benchmark, "setting": options.setting, "backbone": backbone}
    found = [
        run
        for run in result.load(folder).results
        if all(not value or getattr(run, name) == value for name, value in wanted.items())
    ]
    found = [run for run in found if run.answers != but] or found
    if not found:
        raise NotFound("no such run", str(folder), "`earwitness report` shows the runs of a folder")
    if len(found) > 1:
        names = "; ".join(f"{run.backbone} {run.setting} {run.benchmark}" for run in found[:6])
        raise InvalidInput(
            f"{len(found)} runs: {names}", str(folder), "say which by --benchmark, --setting, --backbone"
        )
    return found[0]


def _show(found: "Comparison", first: "RunResult", second: "RunResult", console: "Console") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    names = [f"{run.backbone} {run.setting}" for run in (first, second)]
    table = Table(title=f"{first.benchmark}: {names[0]} against {names[1]}", box=SIMPLE_HEAD, title_justify="left")
    table.add_column("items", overflow="fold")
    for head in ("n", "first", "second", "difference, points", "only first", "only second", "p", "p (Holm)"):
        table.add_column(head, justify="right")
    table.add_row(Text("all", style="bold"), *_cells(found.total))
    for key, groups in found.groups.items():
        table.add_section()
        table.add_row(Text(key, style="italic"))
        for label, difference in groups.items():
            table.add_row(Text(f"  {label}"), *_cells(difference))
    console.print(table)
    if any(found.failed):
        console.print(f"Failed calls, not right in either: {found.failed[0]} and {found.failed[1]}.")
    console.print(
        "p: exact McNemar test on the items that only one run got right; Holm's over the groups.", style="dim"
    )


def _cells(difference: "Difference") -> list[str]:
    low, high = difference.interval.low, difference.interval.high
    shares = [
        f"{100 * right / difference.n:.1f}" if difference.n else "–" for right in (difference.first, difference.second)
    ]
    return [
        str(difference.n),
        *shares,
        f"{100 * difference.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]",
        str(difference.paired.only_first),
        str(difference.paired.only_second),
        f"{difference.paired.p:.3g}",
        f"{difference.adjusted_p:.3g}",
    ]


def _flips(options: argparse.Namespace, first: "RunResult", second: "RunResult") -> None:
    """Prints the first items that only one of the runs got right."""
    from services.evaluator import result

    pairs = zip(result.items(options.first, first), result.items(options.second, second), strict=True)
    shown = 0
    for place, (a, b) in enumerate(pairs):
        if "c" in (first.outcomes[place], second.outcomes[place]) and first.outcomes[place] != second.outcomes[place]:
            print(f"{a.id}: {' '.join(a.answer.text.split())[:40]!r} against {' '.join(b.answer.text.split())[:40]!r}")
            shown += 1
        if shown == FLIPS_SHOWN:
            return
