"""The execution of a sweep: cell after cell, each result kept as it comes, within the limits of money and time.

A cell that fails does not stop the others. A sweep that is stopped, by a limit or a signal, loses nothing: what was
answered is in the ledger, and the same sweep started again goes on. It skips no cell by guess: each is run again, and
the ledger makes it cheap.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, Protocol

from earwitness.errors import EarwitnessError, NotFound
from services.evaluator.cost import HOUR_S, Cost
from services.evaluator.items import Benchmark, Setting
from services.evaluator.plan import Plan
from services.evaluator.sweep.axes import Backbone, Captioner
from services.evaluator.sweep.cells import Cell, Lattice
from services.evaluator.sweep.meter import Meter

if TYPE_CHECKING:
    from services.evaluator.result import RunResult, Usage
    from services.evaluator.run import Progress

GRACE_S = 30.0
"""For what is in flight when a sweep is stopped."""
State = Literal["running", "done", "failed", "stopped"]


class Asking(Protocol):
    """What runs a cell: `services.evaluator.session.Session`."""

    async def run(
        self, benchmark: Benchmark, setting: Setting, plan: Plan, on_progress: "Callable[[Progress], None]"
    ) -> "tuple[RunResult, Usage]":
        """Runs a benchmark in a setting."""
        ...


OpenSession = Callable[[Backbone, Captioner | None], AbstractAsyncContextManager[Asking]]
"""Connects to a backbone's services, and to a captioner for the cascade."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What became of a cell."""

    cell: Cell
    state: State
    seconds: float = 0.0
    progress: "Progress | None" = None
    cost: Cost = field(default_factory=Cost)
    """Of this start, as far as the cell has come."""
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A cell with its result."""

    cell: Cell
    result: "RunResult"
    usage: "Usage"


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What became of a sweep."""

    finished: list[Finished] = field(default_factory=list[Finished])
    failed: list[tuple[Cell, EarwitnessError]] = field(default_factory=list[tuple[Cell, EarwitnessError]])
    left: tuple[Cell, ...] = ()
    """Not run to their end, the one that was stopped included."""
    stopped: str = ""
    """Why, in words; "" for a sweep that came to its end."""


async def run_sweep(
    lattice: Lattice,
    open_session: OpenSession,
    on_event: Callable[[Event], None],
    meter: Meter,
    keep: "Callable[[Cell, RunResult, Usage], None]",
) -> Outcome:
    """Runs the cells in their order. `keep` gets each result before the next cell begins.

    Raises InvalidInput for a limit in dollars where a price is missing, and whatever `keep` raises.
    """
    meter.check()
    execution = _Execution(lattice=lattice, open_session=open_session, on_event=on_event, meter=meter, keep=keep)
    hours = meter.limits.max_hours
    if hours is None:
        return await execution.run()
    alarm = asyncio.get_running_loop().call_later(
        hours * HOUR_S, lambda: meter.brake.pull(f"{hours:g} h are over (--max-hours)")
    )
    try:
        return await execution.run()
    finally:
        alarm.cancel()


@dataclass(kw_only=True, slots=True)
class _Execution:
    lattice: Lattice
    open_session: OpenSession
    on_event: Callable[[Event], None]
    meter: Meter
    keep: "Callable[[Cell, RunResult, Usage], None]"

    async def run(self) -> Outcome:
        outcome, brake = Outcome(), self.meter.brake
        for _, group in groupby(enumerate(self.lattice.cells), lambda numbered: numbered[1].backbone.name):
            async with AsyncExitStack() as stack:
                sessions: dict[str, Asking] = {}
                for at, cell in group:
                    self.meter.look_ahead(cell)
                    if brake.reason or not await self._settle(cell, outcome, sessions, stack):
                        outcome.left, outcome.stopped = self.lattice.cells[at:], brake.reason
                        return outcome
        return outcome

    async def _settle(self, cell: Cell, outcome: Outcome, sessions: dict[str, Asking], stack: AsyncExitStack) -> bool:
        """Runs a cell to its result or its failure; returns False where it was stopped."""
        watch = _Watch(cell=cell, meter=self.meter, on_event=self.on_event)
        watch.tell("running")
        captioner = cell.captioner.name if cell.captioner else ""
        try:
            if captioner not in sessions:
                opened = self.open_session(cell.backbone, cell.captioner)
                sessions[captioner] = await stack.enter_async_context(opened)
            finished = await self._unless_stopped(self._ask(sessions[captioner], cell, watch))
        except EarwitnessError as error:
            outcome.failed.append((cell, error))
            watch.tell("failed", str(error))
            return True
        finally:
            self.meter.spent += watch.cost
        if finished is None:
            watch.tell("stopped")
            return False
        self.keep(cell, finished.result, finished.usage)
        outcome.finished.append(finished)
        watch.tell("done")
        return True

    async def _ask(self, session: Asking, cell: Cell, watch: "_Watch") -> Finished:
        benchmark = self.lattice.benchmarks[cell.benchmark]
        plan = cell.plan(self.lattice.sweep)
        result, usage = await session.run(benchmark, cell.setting, plan, watch.see)
        wanted, got = cell.backbone.model, result.backbone
        if wanted and cell.setting != "audio" and got != wanted:
            remedy = "correct `model`, or the address in `llm`"
            raise NotFound(f"{cell.backbone.llm} serves {got}, not {wanted}", cell.backbone.name, remedy)
        return Finished(cell=cell, result=result, usage=usage)

    async def _unless_stopped(self, work: Coroutine[Any, Any, Finished]) -> Finished | None:
        """Returns what comes of the work; None if the brake is pulled first.

        A session sees the brake too, and ends once what is in flight has come back; one that does not is cancelled.
        """
        brake = self.meter.brake
        running, pulled = asyncio.create_task(work), asyncio.create_task(brake.event.wait())
        try:
            await asyncio.wait((running, pulled), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await asyncio.wait((running,), timeout=GRACE_S)
            stopped = brake.reason and (not running.done() or isinstance(running.exception(), EarwitnessError))
            return None if stopped else running.result()
        finally:
            running.cancel()
            pulled.cancel()
            await asyncio.gather(running, pulled, return_exceptions=True)


@dataclass(kw_only=True, slots=True)
class _Watch:
    """One cell's progress and cost, as it runs."""

    cell: Cell
    meter: Meter
    on_event: Callable[[Event], None]
    cost: Cost = field(default_factory=Cost)
    progress: "Progress | None" = None
    began: float = field(default_factory=time.monotonic)

    def see(self, progress: "Progress") -> None:
        """Takes a run's progress."""
        self.progress = progress
        self.cost = self.meter.cost(self.cell, progress, time.monotonic() - self.began)
        self.tell("running")

    def tell(self, state: State, error: str = "") -> None:
        """Says what is known now."""
        seconds = time.monotonic() - self.began
        self.on_event(
            Event(cell=self.cell, state=state, seconds=seconds, progress=self.progress, cost=self.cost, error=error)
        )
