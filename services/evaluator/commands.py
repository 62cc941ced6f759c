"""`earwitness run` and `earwitness report`."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from services.evaluator.items import Benchmark
    from services.evaluator.result import RunResult

ADDRESS = "127.0.0.1:9000"
SETTINGS = ("text", "cascade", "audio")


def register(commands: Any) -> None:
    """Adds the commands."""
    run = commands.add_parser("run", help="ask a benchmark of the running services, and report")
    run.add_argument("benchmark", help="mini-akb, mini-mmau, mini-mmar, akb, mmau or mmar")
    run.add_argument("setting", choices=SETTINGS)
    run.add_argument("--data", type=Path, metavar="FILE", help="the benchmark's file, where none comes with Earwitness")
    run.add_argument("--out", type=Path, default=Path("results"), metavar="FOLDER", help="(default: %(default)s)")
    run.add_argument("--ledger", default="", metavar="URL", help="(default: sqlite in the folder)")
    run.add_argument("--prompt", default="figure-1@1", metavar="NAME", help="prompt template (default: %(default)s)")
    run.add_argument("--max-tokens", type=int, default=32)
    run.add_argument("--in-flight", type=int, default=32, help="items asked at once (default: %(default)s)")
    for service in ("llm", "captioner", "lalm"):
        run.add_argument(f"--{service}", default=ADDRESS, metavar="HOST:PORT", help="(default: %(default)s)")
    run.set_defaults(execute=execute_run)
    report = commands.add_parser("report", help="show the results in a folder, and write them as a page")
    report.add_argument("folder", type=Path, nargs="?", default=Path("results"))
    report.add_argument("--html", type=Path, metavar="FILE", help="(default: report.html in the folder)")
    report.set_defaults(execute=execute_report)


def execute_run(options: argparse.Namespace) -> None:
    """Runs, adds the result to those in the folder, and shows them."""
    from dataclasses import replace

    from services.evaluator import benchmarks, result

    for name, value in (("--in-flight", options.in_flight), ("--max-tokens", options.max_tokens)):
        if value < 1:
            raise InvalidInput("must be at least 1", name)
    benchmark = benchmarks.load(options.benchmark, options.data)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{options.out} cannot be made a folder: {error.strerror}", "--out") from None
    new = asyncio.run(_run(options, benchmark))
    before = result.load(options.out) if (options.out / result.RESULTS).is_file() else None
    experiment = before or result.Experiment(name=f"{new.backbone}", results=())
    kept = [old for old in experiment.results if _place(old) != _place(new)]
    result.save(replace(experiment, results=(*kept, new)), options.out)
    execute_report(argparse.Namespace(folder=options.out, html=None))


def execute_report(options: argparse.Namespace) -> None:
    """Prints the tables and writes the page."""
    from rich.console import Console

    from services.evaluator import report, result

    experiment = result.load(options.folder)
    page = options.html or options.folder / "report.html"
    report.show(experiment, Console())
    report.write(experiment, page)
    print(f"\nReport: {page.resolve()}")


async def _run(options: argparse.Namespace, benchmark: "Benchmark") -> "RunResult":
    from earwitness.sampling import Sampling
    from services.evaluator.ledger import Ledger
    from services.evaluator.progress import RunBar
    from services.evaluator.session import Plan, Session

    ledger = Ledger(options.ledger) if options.ledger else Ledger.at(options.out / "ledger.sqlite")
    session = Session(
        ledger=ledger,
        llm_address=options.llm,
        captioner_address=options.captioner,
        lalm_address=options.lalm,
        plan=Plan(prompt=options.prompt, sampling=Sampling(max_tokens=options.max_tokens), in_flight=options.in_flight),
    )
    async with session:
        with RunBar(f"{options.setting} {benchmark.name}", len(benchmark.items)) as bar:
            return await session.run(benchmark, options.setting, bar.show)


def _place(result: "RunResult") -> tuple[str, ...]:
    """Returns what a result is of: a newer one of the same takes its place."""
    what = result.benchmark, result.setting, result.prompt
    return result.backbone, result.fingerprint, *what, result.captioner, result.checkpoint
