"""`earwitness run`: one benchmark in one setting, asked of running services."""

import argparse
import asyncio
import gc
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from earwitness.errors import InvalidInput
from services.evaluator.items import SETTINGS, Answering, Control
from services.evaluator.plan import ADDRESS

if TYPE_CHECKING:
    from services.evaluator.items import Benchmark
    from services.evaluator.plan import Plan
    from services.evaluator.session import Session


def register(commands: Any) -> None:
    """Adds the command."""
    run = commands.add_parser("run", help="ask a benchmark of the running services, and report")
    run.add_argument("benchmark", help="its name: `earwitness data list` shows them")
    run.add_argument("setting", choices=SETTINGS)
    run.add_argument("--data", type=Path, metavar="FILE", help="the benchmark's file, where it is not found by itself")
    run.add_argument("--overlay", type=Path, metavar="FILE", help="flags items that are known to be wrong")
    run.add_argument("--out", type=Path, default=Path("results"), metavar="FOLDER", help="(default: %(default)s)")
    run.add_argument("--ledger", default="", metavar="URL", help="(default: sqlite in the folder)")
    asking = run.add_argument_group("how it asks")
    asking.add_argument("--prompt", default="figure-1@1", metavar="NAME", help="prompt template (default: %(default)s)")
    asking.add_argument("--caption-prompt", default="plain@1", metavar="NAME", help="(default: %(default)s)")
    asking.add_argument("--answering", choices=get_args(Answering), default="generate", help="(default: %(default)s)")
    asking.add_argument("--control", choices=get_args(Control), default="none", help="(default: %(default)s)")
    asking.add_argument("--rotation", type=int, default=1, help="places that `shuffle` moves options on by")
    asking.add_argument("--thinking", action="store_true", help="let the backbone think first; give it tokens for it")
    asking.add_argument("--max-tokens", type=int, default=32)
    asking.add_argument("--temperature", type=float, default=0.0)
    asking.add_argument("--seed", type=int, default=0)
    asking.add_argument("--samples", type=int, default=1, help="ask everything so often, each time with another seed")
    asking.add_argument("--in-flight", type=int, default=256, help="most items at once (default: %(default)s)")
    targets = run.add_argument_group("whom", "host:port of gRPC, or openai:NAME of the endpoint catalogue")
    for service in ("llm", "captioner", "lalm"):
        targets.add_argument(f"--{service}", default=ADDRESS, metavar="TARGET", help="(default: %(default)s)")
    run.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Runs, adds the result to those in the folder, and shows them."""
    from earwitness import eventloop
    from services.evaluator import benchmarks
    from services.evaluator.commands import report

    for name, value in (("--in-flight", options.in_flight), ("--samples", options.samples)):
        if value < 1:
            raise InvalidInput("must be at least 1", name)
    if options.max_tokens < 1:
        raise InvalidInput("must be at least 1", "--max-tokens")
    benchmark = benchmarks.load(options.benchmark, options.data, options.overlay)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{options.out} cannot be made a folder: {error.strerror}", "--out") from None
    if options.setting != "text" and (missing := benchmarks.missing_clips(benchmark)):
        print(f"{missing} clips of {benchmark.name} are missing: their items will fail, and count as failed")
    gc.freeze()  # modules and items live as long as the run: looking through them again and again is lost time
    eventloop.run(_run(options, benchmark))
    report.present(options.out)


def plan_of(options: argparse.Namespace) -> "Plan":
    """Returns how the options ask."""
    from earwitness.sampling import Sampling
    from services.evaluator.plan import Plan

    sampling = Sampling(max_tokens=options.max_tokens, temperature=options.temperature, seed=options.seed)
    return Plan(
        prompt=options.prompt,
        sampling=sampling,
        answering=options.answering,
        thinking=options.thinking,
        control=options.control,
        rotation=options.rotation,
        caption_prompt=options.caption_prompt,
        in_flight=options.in_flight,
    )


async def _run(options: argparse.Namespace, benchmark: "Benchmark") -> None:
    from services.evaluator import result
    from services.evaluator.ledger import Ledger
    from services.evaluator.plan import Targets
    from services.evaluator.progress import RunBar
    from services.evaluator.session import Session

    ledger = Ledger(options.ledger) if options.ledger else Ledger.at(options.out / "ledger.sqlite")
    targets = Targets(llm=options.llm, captioner=options.captioner, lalm=options.lalm)
    try:
        async with Session(ledger=ledger, folder=options.out, targets=targets) as session:
            _stop_on_signals(session)
            for sample in range(options.samples):
                title = f"{options.setting} {benchmark.name}"
                with RunBar(title, len(benchmark.items)) as bar:
                    plan = replace(plan_of(options), sample=sample)
                    result.add(options.out, *await session.run(benchmark, options.setting, plan, bar.show))
    finally:
        ledger.close()


def _stop_on_signals(session: "Session") -> None:
    """Lets what is in flight end on SIGINT or SIGTERM; a second one ends it at once. In the main thread alone."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        session.stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            loop.add_signal_handler(number, stop)
