"""`earwitness rescore`: stored answers read anew, by the extractors of today or on another version of the benchmark."""

import argparse
from pathlib import Path
from typing import Any

from earwitness.errors import InvalidInput

NAMED = 3


def register(commands: Any) -> None:
    """Adds the command."""
    rescore = commands.add_parser("rescore", help="read the stored answers anew, without asking any model")
    rescore.add_argument("folder", type=Path, nargs="?", default=Path("results"))
    version = rescore.add_argument_group("on another version of a text benchmark, where its items are unchanged")
    version.add_argument("--benchmark", default="", metavar="NAME", help="the new version")
    version.add_argument("--data", type=Path, metavar="FILE", help="its file, where it is not found by itself")
    version.add_argument("--to", type=Path, metavar="FOLDER", help="where the results on it go")
    version.add_argument("--partial", action="store_true", help="score what has answers, where other items have none")
    rescore.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Reads the answers anew, says what changed, and shows the results."""
    if options.benchmark:
        _carry(options)
        return
    from services.evaluator import result
    from services.evaluator.commands import report
    from services.evaluator.rescore import changes, rescore

    before = result.load(options.folder)
    after = rescore(before, options.folder)
    result.save(after, options.folder)
    report.present(options.folder)
    for old, new in zip(before.results, after.results, strict=True):
        print(f"{new.answers}: {changes(old, new)} of {len(new.outcomes)} outcomes changed")


def _carry(options: argparse.Namespace) -> None:
    from services.evaluator import benchmarks, result
    from services.evaluator.carry import carry
    from services.evaluator.commands import report

    if options.to is None or options.to.resolve() == options.folder.resolve():
        raise InvalidInput(
            "the new results need a folder of their own", "--to", "give one: the old ones stay as they are"
        )
    benchmark = benchmarks.load(options.benchmark, options.data)
    carried = carry(result.load(options.folder), options.folder, benchmark, options.to, partial=options.partial)
    for each in carried:
        result.add(options.to, each.result, each.usage)
    report.present(options.to)
    for each in carried:
        number = len(each.result.outcomes)
        print(f"{each.result.backbone}: {number} of {len(benchmark.items)} items have an answer; no model was asked")
        if each.missing:
            more = ", …" if len(each.missing) > NAMED else ""
            print(f"  left out: {', '.join(each.missing[:NAMED])}{more}")
