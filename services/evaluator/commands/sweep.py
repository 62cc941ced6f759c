"""`earwitness sweep`: many runs from one file, estimated beforehand and shown as they go."""

import argparse
import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import EngineFailure, InvalidInput, NotFound, NotReady
from services.evaluator.sweep.cluster import add_cluster, attended, fleet_of

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from rich.console import Console

    from earwitness.fleet import Fleet
    from services.evaluator.cost import Prices
    from services.evaluator.items import Benchmark
    from services.evaluator.session import Session
    from services.evaluator.sweep.axes import Backbone, BenchmarkChoice, Captioner
    from services.evaluator.sweep.cells import Lattice
    from services.evaluator.sweep.execute import Outcome
    from services.evaluator.sweep.folder import Folder
    from services.evaluator.sweep.meter import Meter

INTERRUPTED = "interrupted"
AGAIN = "the same command goes on, for what was answered is in the ledger; raise the limit if it stops there again"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def register(commands: Any) -> None:
    """Adds the command."""
    sweep = commands.add_parser("sweep", help="ask many benchmarks of many backbones, from one file")
    sweep.add_argument("file", help="a sweep file, or one that comes with Earwitness: mini, paper")
    sweep.add_argument("--dry-run", action="store_true", help="show calls, tokens, time and cost, and ask nothing")
    sweep.add_argument("--show", action="store_true", help="print the file, to copy and change")
    sweep.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the file")
    sweep.add_argument("--out", metavar="FOLDER", help="of the results (default: the file's `out`)")
    sweep.add_argument("--prices", type=Path, metavar="FILE", help="prices of your own, in the form of prices.yaml")
    sweep.add_argument("--max-cost", type=float, metavar="USD", help="stop before this start costs more")
    sweep.add_argument("--max-hours", type=float, metavar="H", help="stop before this start takes longer")
    add_cluster(sweep)
    sweep.set_defaults(execute=execute_sweep)


def execute_sweep(options: argparse.Namespace) -> None:
    """Shows the file, or what the sweep takes, or runs it.

    Raises EngineFailure where a run failed, NotReady where a limit stopped the sweep, KeyboardInterrupt on a signal.
    """
    from rich.console import Console

    from earwitness import eventloop
    from services.evaluator.cost import Prices
    from services.evaluator.sweep import outlook, read
    from services.evaluator.sweep.cells import multiply
    from services.evaluator.sweep.estimate import estimate
    from services.evaluator.sweep.folder import Folder
    from services.evaluator.sweep.meter import Brake, Limits, Meter

    for name, limit in (("--max-cost", options.max_cost), ("--max-hours", options.max_hours)):
        if limit is not None and not limit > 0:
            raise InvalidInput("must be above 0", name)
    file, console = read.find(options.file), Console()
    if options.show:
        console.out(file.read_text(), end="", highlight=False)
        return
    fleet = fleet_of(options)
    targets = asyncio.run(fleet.targets()) if fleet else {}
    sweep = read.read(file, [*options.set, *([f"out={options.out}"] if options.out else [])], targets)
    lattice, prices = multiply(sweep, _load), Prices.load(options.prices)
    if not lattice.cells:
        outlook.show(lattice, {}, console)
        raise InvalidInput("holds no run that can be", str(file), "see the reasons above")
    folder = Folder(path=sweep.out, lattice=lattice)
    estimates = estimate(lattice, prices, folder.known().get, folder.rates())
    if options.dry_run:
        outlook.show(lattice, estimates, console)
        return
    limits = Limits(max_usd=options.max_cost, max_hours=options.max_hours)
    meter = Meter(lattice=lattice, limits=limits, estimates=estimates, prices=prices, brake=Brake())
    _conclude(eventloop.run(_run(folder, meter, console, fleet)), lattice, prices, console)


def _load(choice: "BenchmarkChoice") -> "Benchmark":
    from services.evaluator import benchmarks

    try:
        return benchmarks.load(choice.name, choice.data, choice.overlay)
    except (InvalidInput, NotFound) as error:
        raise type(error)(error.message, f"benchmarks: {choice.name}: {error.field}", error.remedy) from None


async def _run(folder: "Folder", meter: "Meter", console: "Console", fleet: "Fleet | None") -> "Outcome":
    from services.evaluator.clips import ClipStore
    from services.evaluator.ledger import Ledger
    from services.evaluator.plan import Targets
    from services.evaluator.session import Session
    from services.evaluator.sweep.board import Board
    from services.evaluator.sweep.execute import run_sweep

    sweep, loop = folder.lattice.sweep, asyncio.get_running_loop()
    try:
        sweep.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{sweep.out} cannot be made a folder: {error.strerror}", "out") from None
    ledger = Ledger(sweep.ledger) if sweep.ledger else Ledger.at(sweep.out / "ledger.sqlite")
    clips = ClipStore()

    def open_session(backbone: "Backbone", captioner: "Captioner | None") -> "AbstractAsyncContextManager[Session]":
        targets = Targets(llm=backbone.llm, captioner=captioner.target if captioner else "", lalm=backbone.lalm)
        session = Session(ledger=ledger, folder=sweep.out, targets=targets, clips=clips, stop=meter.brake.event)
        return attended(session, fleet, targets)

    def interrupt() -> None:
        """Once is a wish, twice an order."""
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        meter.brake.pull(INTERRUPTED)

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        with Board(folder.lattice, console) as board:
            return await run_sweep(folder.lattice, open_session, board.show, meter, folder.keep)
    finally:
        ledger.close()


def _conclude(outcome: "Outcome", lattice: "Lattice", prices: "Prices", console: "Console") -> None:
    """Prints the account and what went wrong, and raises what the exit status is made of."""
    from rich.text import Text

    from services.evaluator.sweep import outlook

    outlook.show_account(outcome, prices, lattice, console)
    for cell, error in outcome.failed:
        title = f"{cell.backbone.name} {lattice.title(cell)}"
        console.print(Text.assemble(("failed ", "bold red"), (title, "bold"), f": {' '.join(str(error).split())}"))
    failed_items = sum(done.result.outcomes.count("f") for done in outcome.finished)
    if failed_items:
        console.print(f"{failed_items} items failed within runs that ended: the same command asks them again.")
    if outcome.finished:
        console.print(f"Results: {lattice.sweep.out}. Report: earwitness report {lattice.sweep.out}", soft_wrap=True)
    if outcome.stopped:
        begun = f"{len(outcome.left)} of {len(lattice.cells)} runs are left"
        if outcome.stopped == INTERRUPTED:
            console.print(begun)
            raise KeyboardInterrupt
        raise NotReady(f"stopped: {outcome.stopped}; {begun}", "sweep", AGAIN)
    if outcome.failed:
        text = f"{len(outcome.failed)} of {len(lattice.cells)} runs failed"
        raise EngineFailure(text, "sweep", "mend what stands above and start the same command again")
