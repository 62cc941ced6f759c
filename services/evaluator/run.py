"""One run: every item of a benchmark asked in one setting, each answer in the ledger before it counts."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from earwitness.batcher import Batcher
from earwitness.errors import EarwitnessError, NotReady
from earwitness.fanout import Outage, fan_out
from services.evaluator.answers import Sheet
from services.evaluator.failures import kind_of
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.keys import AnswerKeys
from services.evaluator.ledger import BUSY, Claimed, Entry, Ledger
from services.evaluator.leg import LegKeeper
from services.evaluator.measurement import Measurement
from services.evaluator.plan import Plan
from services.evaluator.result import Description, RunResult, Usage
from services.evaluator.scoring import Tally
from services.evaluator.settings import Asker, Question

ROWS_AT_ONCE = 500
WORKERS_PER_PLACE = 2
"""Items are looked up and recorded beside those that the service works on, so that it never waits for the ledger."""
POLL_S = 0.25
"""Between two looks whether another evaluator has got an answer."""
SHOW_S = 0.1
"""Between two reports of progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come."""

    done: int
    total: int
    reused: int
    """Answers that were in the ledger."""
    failed: int
    retries: int = 0
    in_flight: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    captions: int = 0
    """Captions that were paid for."""
    audio_s: float = 0.0
    tally: Tally = field(default_factory=Tally)
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    """Failed calls by kind."""


@dataclass(kw_only=True, slots=True)
class Run:
    """A benchmark, a setting, and the ledger between them and the services."""

    benchmark: Benchmark
    asker: Asker
    plan: Plan
    description: Description
    ledger: Ledger
    folder: Path
    """Of the results: the run's answers go there."""
    on_progress: Callable[[Progress], None] = lambda progress: None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, it lets what is in flight end and asks nothing more."""
    leg: LegKeeper = field(init=False)
    _keys: AnswerKeys = field(init=False)
    _measurement: Measurement = field(init=False)
    _done: int = 0
    _skipped: int = 0
    """Items, from the first on, that an earlier start settled and this one has not yet measured."""
    _reused: int = 0
    _shown_at: float = 0.0
    _failures: Counter[str] = field(default_factory=Counter[str])
    _under_way: set[str] = field(default_factory=set[str])
    """The keys of answers that this run is asking for."""
    _later: list[int] = field(default_factory=list[int])
    """Positions of items that somebody asks at the moment."""
    _known: Batcher[str, Answer | Claimed] = field(init=False)
    _record: Batcher[Entry, None] = field(init=False)

    def __post_init__(self) -> None:
        self._keys = AnswerKeys(self.asker.service.identity, self.asker.setting, self.plan)
        self._known = Batcher(self.ledger.answer_or_claim, ROWS_AT_ONCE)
        self._record = Batcher(self.ledger.record, ROWS_AT_ONCE)
        self.leg = LegKeeper(self.ledger, self.description.file(self.benchmark), self._prefix)

    async def execute(self) -> tuple[RunResult, Usage]:
        """Asks what the ledger lacks and measures every item. Killed, it may simply be started again.

        Raises NotReady where the ledger fails or the run was told to stop, Outage where a service is gone for good.
        """
        name, num_items = self.description.file(self.benchmark), len(self.benchmark.items)
        async with self.leg:
            with Sheet(self.folder / name, num_items) as sheet:
                # Of a text benchmark, the run's name tells all that its answers depend on; clips may have changed.
                settled = await self.leg.settled() if self.asker.setting == "text" else 0
                self._measurement, self._skipped = Measurement(self.benchmark, num_items, sheet, settled), settled
                await self._settle_all(settled)
                if self._done < num_items:
                    self._show()
                    text = f"stopped with {self._done + self._skipped} of {num_items} items answered"
                    raise NotReady(text, name, "start the same command again to go on: what was answered is kept")
                await asyncio.to_thread(sheet.finish)
        self._show()
        return self._measurement.result(self.description, name), self.leg.usage(self._reused)

    async def _settle_all(self, settled: int) -> None:
        """Asks first what no earlier start has settled, so that a run of a million goes on at once."""
        workers = WORKERS_PER_PLACE * self.plan.in_flight
        new = islice(enumerate(self.benchmark.items), settled, None)
        await fan_out(new, self._settle, workers, self.stop)
        await self._measure_settled(islice(enumerate(self.benchmark.items), settled))
        while self._later and not self.stop.is_set():
            positions, self._later = self._later, []
            left = ((position, self.benchmark.items[position]) for position in positions)
            await fan_out(left, self._settle, workers, self.stop)
            if self._later:
                await asyncio.sleep(POLL_S)

    async def _measure_settled(self, items: Iterator[tuple[int, Item]]) -> None:
        """Measures answers of earlier starts, many at a time; puts off what has none after all."""
        while (rows := list(islice(items, ROWS_AT_ONCE))) and not self.stop.is_set():
            shown = [(position, item.rotated(self.plan.places)) for position, item in rows]
            keys = [self._keys.of(item, await self.asker.prepare(item)) for _, item in shown]
            known = await asyncio.to_thread(self.ledger.answers, keys)
            for (position, item), answer in zip(shown, known, strict=True):
                self._skipped -= 1
                if answer is None:
                    self._later.append(position)
                    continue
                self._reused += 1
                self._measured(position, item, answer)

    async def _settle(self, numbered: tuple[int, Item]) -> None:
        """Brings one item to its answer or to its recorded failure; one that another asks is put off."""
        position, item = numbered[0], numbered[1].rotated(self.plan.places)
        caption, audio_sha256, key = "", "", ""
        try:
            question = await self.asker.prepare(item)
            caption, audio_sha256 = question.caption, question.audio_sha256
            key = self._keys.of(item, question)
            answer = await self._answer(key, item, question)
        except Outage:
            raise
        except EarwitnessError as error:
            answer = Answer(text="", finish_reason="error", error=str(error))
            self.leg.failed += 1
            self._failures[kind_of(answer.error, self._failures)] += 1
            await self._record.submit(self._entry(key, item, answer))
        if answer is None:
            self._later.append(position)
            return
        self._measured(position, item, answer, caption, audio_sha256)

    def _measured(self, position: int, item: Item, answer: Answer, caption: str = "", audio_sha256: str = "") -> None:
        self._measurement.add(position, item, answer, caption, audio_sha256)
        self._done += 1
        if time.monotonic() - self._shown_at > SHOW_S:
            self._show()

    async def _answer(self, key: str, item: Item, question: Question) -> Answer | None:
        """Returns the ledger's answer, asked for if need be; None while somebody else asks for it."""
        if key in self._under_way:
            return None
        self._under_way.add(key)
        try:
            known = await self._known.submit(key)
            if known is BUSY:
                return None
            if isinstance(known, Answer):
                self._reused += 1
                return known
            return await self._ask(key, item, question)
        except (Outage, asyncio.CancelledError):
            await asyncio.to_thread(self.ledger.release, [key])  # a server lives on, and would keep others from asking
            raise
        finally:
            self._under_way.discard(key)

    async def _ask(self, key: str, item: Item, question: Question) -> Answer:
        started = time.monotonic()
        tried = await self.asker.ask(question)
        answer, seconds = tried.value, time.monotonic() - started
        await self._record.submit(self._entry(key, item, answer, seconds, tried.attempts))
        self.leg.answered(answer, tried.attempts - 1, question.clip.seconds if question.clip else 0.0)
        return answer

    def _entry(self, key: str, item: Item, answer: Answer, seconds: float = 0.0, attempts: int = 1) -> Entry:
        return Entry(
            key=key,
            benchmark=self.benchmark.name,
            item=item.id,
            setting=self.asker.setting,
            backbone=self.asker.service.identity.model,
            answer=answer,
            seconds=round(seconds, 4),
            attempts=attempts,
        )

    def _prefix(self) -> int:
        return self._measurement.prefix

    def _show(self) -> None:
        self._shown_at = time.monotonic()
        progress = Progress(
            done=self._done + self._skipped,
            total=len(self.benchmark.items),
            reused=self._reused + self._skipped,
            failed=self.leg.failed,
            retries=self.leg.retries,
            in_flight=self.asker.service.limit.in_flight,
            prompt_tokens=self.leg.prompt_tokens,
            completion_tokens=self.leg.completion_tokens,
            captions=self.leg.captions,
            audio_s=self.leg.audio_s,
            tally=self._measurement.tally,
            failures=dict(self._failures),
        )
        self.on_progress(progress)
