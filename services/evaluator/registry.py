"""The registry: which runs there are, whose turn it is, and who wants to know. The ledger remembers; this forgets.

Several evaluators may share a ledger. Each works on what it has claimed, and takes over what a dead one has left.
"""

import asyncio
import base64
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from earwitness import edge
from earwitness.errors import InvalidInput, NotReady, Unavailable
from earwitness.runs import ID, RunSpec, RunState, RunStatus
from services.evaluator import specification
from services.evaluator.clips import ClipStore
from services.evaluator.config import EvaluatorConfig
from services.evaluator.ledger import Ledger
from services.evaluator.ledger.runs import Cursor, RunRow
from services.evaluator.metrics import Metrics
from services.evaluator.work import Work, status_of

POLL_S = 1.0
"""Between two looks into the ledger: for runs to take, for wishes to cancel, and to note how far runs are."""
WATCH_S = 0.25
"""Between two messages about a run of our own."""
R = TypeVar("R")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some runs, the newest first, and where the next page begins ("" after the last)."""

    runs: tuple[RunStatus, ...]
    next_token: str


class Registry:
    """The runs of one evaluator server. For one event loop."""

    def __init__(self, config: EvaluatorConfig, ledger: Ledger, metrics: Metrics) -> None:
        self._config, self._ledger, self._metrics = config, ledger, metrics
        self._runs = ledger.runs
        self._clips = ClipStore()
        self._works: dict[str, Work] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turning: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._draining = False
        self._over = asyncio.Event()

    def start(self) -> None:
        """Begins to work on what is in the ledger."""
        self._turning = asyncio.create_task(self._turn())

    async def drain(self) -> None:
        """Takes nothing more, lets what is in flight come back within the grace, and leaves runs to be gone on with."""
        self._draining = True
        self._wake.set()
        if self._turning:
            await self._turning
        for work in self._works.values():
            work.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._over.set()

    async def create(self, spec: RunSpec, id: str = "") -> RunStatus:
        """Adds a run to the queue, or returns the unfinished one of the same spec.

        Raises what `specification.complete` and `Runs.create` raise, Unavailable once the server is about to end.
        """
        if self._draining:
            raise Unavailable("the evaluator is about to end", "server", "try again in a moment")
        whole = await asyncio.to_thread(specification.complete, spec, self._config)
        text = msgspec.json.encode(whole).decode()
        name = id or f"{spec.benchmark[:32]}-{spec.setting}-{uuid.uuid4().hex[:8]}"
        most = self._config.max_queued
        row = await asyncio.to_thread(self._runs.create, name, text, chosen=bool(id), most_waiting=most)
        self._wake.set()
        return self._here(status_of(row))

    async def get(self, id: str) -> RunStatus:
        """Returns a run; raises NotFound, with the newest that there are."""
        if id in self._works:
            return self._works[id].status
        return self._here(status_of(await asyncio.to_thread(self._runs.find, id)))

    async def watch(self, id: str) -> AsyncIterator[RunStatus]:
        """Yields the run whenever it has changed, until it has ended or the server does; raises NotFound."""
        last: RunStatus | None = None
        while True:
            over = self._over.is_set()
            status = await self.get(id)
            if status != last:
                yield status
            last = status
            if status.state.is_final or over:
                return
            await self._pause(id)

    async def page(self, size: int, token: str = "", state: RunState | None = None) -> Page:
        """Returns a page of runs; raises InvalidInput for a token that is none of ours."""
        after = _cursor(token) if token else None
        rows = await asyncio.to_thread(self._runs.page, size + 1, after=after, state=state)
        token = _token((rows[size - 1].created_at, rows[size - 1].id)) if len(rows) > size else ""
        return Page(runs=tuple(self._here(status_of(row)) for row in rows[:size]), next_token=token)

    async def cancel(self, id: str) -> RunStatus:
        """Ends a run once what is in flight has come back, wherever it is worked on; raises NotFound."""
        status = status_of(await asyncio.to_thread(self._runs.cancel, id))
        if id in self._works and not status.state.is_final:
            self._works[id].cancel()
        return self._here(status)

    async def _pause(self, id: str) -> None:
        """Waits until more may be known of a run: of our own soon, of others when the ledger is worth another look."""
        for _ in range(max(round(POLL_S / WATCH_S), 1)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), WATCH_S)
            if id in self._works or self._over.is_set():
                return

    def _here(self, status: RunStatus) -> RunStatus:
        """Returns what is known here of a run of our own: the ledger hears of it only now and then."""
        work = self._works.get(status.id)
        return work.status if work and not status.state.is_final else status

    async def _turn(self) -> None:
        """Goes on until the registry is drained; a ledger that fails is tried again."""
        while not self._draining:
            self._wake.clear()
            try:
                await self._look()
            except Exception as error:  # whatever it is, the other runs go on
                log.warning("%s", edge.as_known(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)

    async def _look(self) -> None:
        if self._works:
            await self._note()
        free = self._config.at_once - len(self._works)
        for row in await asyncio.to_thread(self._runs.claim, free, list(self._works)) if free > 0 else ():
            work = self._works[row.id] = self._work(row)
            task = asyncio.create_task(self._bring_to_end(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._metrics.runs = await asyncio.to_thread(self._runs.counts)

    def _work(self, row: RunRow) -> Work:
        return Work(row, config=self._config, ledger=self._ledger, clips=self._clips, metrics=self._metrics)

    async def _note(self) -> None:
        """Writes down how far our runs are, and learns which are to be cancelled, or are ours no longer."""
        noted = {id: work.account for id, work in self._works.items()}
        states = await asyncio.to_thread(self._runs.note, noted)
        for id in noted:
            work, state = self._works.get(id), states.get(id)
            if work and state == RunState.CANCELLING:
                work.cancel()
            elif work and state is None:
                log.warning("run %s: another evaluator has taken it over", id)
                work.stop()

    async def _bring_to_end(self, work: Work) -> None:
        id = work.status.id
        state, error = await work.execute()
        log.info("run %s: %s %s", id, state, error)
        await self._insist(lambda: self._runs.end(id, state, work.account, error))
        del self._works[id]
        self._wake.set()

    async def _insist(self, record: Callable[[], None]) -> None:
        """Writes to the ledger, again while it fails. A run whose end is not written goes on at the next start."""
        while True:
            try:
                await asyncio.to_thread(record)
            except NotReady as error:
                log.warning("%s", error)
                if self._draining:
                    return
                await asyncio.sleep(POLL_S)
            else:
                return


def _token(cursor: Cursor) -> str:
    at, id = cursor
    return base64.urlsafe_b64encode(f"{at!r}:{id}".encode()).decode()


def _cursor(token: str) -> Cursor:
    try:
        at, _, id = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition(":")
        if not ID.fullmatch(id):
            raise ValueError
        return float(at), id
    except ValueError:
        text = "is no token of a page"
        raise InvalidInput(text, "page_token", "send the `next_page_token` of the page before") from None
