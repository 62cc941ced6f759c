"""One run: every item of a benchmark asked in one setting, each answer in the ledger before it counts."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from weakref import WeakValueDictionary

from earwitness.batcher import Batcher
from earwitness.errors import EarwitnessError
from earwitness.fanout import Retries, fan_out, persist
from earwitness.identity import Identity
from earwitness.sampling import Sampling
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.ledger import Entry, Ledger
from services.evaluator.prompts import PromptTemplate
from services.evaluator.result import RunResult, measure
from services.evaluator.settings import Asker, Question

ROWS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come."""

    done: int
    total: int
    reused: int
    """Answers that were in the ledger."""
    failed: int


@dataclass(kw_only=True, slots=True)
class Run:
    """A benchmark, a setting, and the ledger between them and the services."""

    benchmark: Benchmark
    asker: Asker
    template: PromptTemplate
    sampling: Sampling
    ledger: Ledger
    in_flight: int = 32
    retries: Retries = field(default_factory=Retries)
    captioner: str = ""
    checkpoint: str = ""
    on_progress: Callable[[Progress], None] = lambda progress: None
    reused: int = 0
    failed: int = 0
    _answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    _captions: dict[str, str] = field(default_factory=dict[str, str])
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])
    """By the key of an answer that is under way."""
    _known: Batcher[str, Answer | None] = field(init=False)
    _record: Batcher[Entry, None] = field(init=False)

    def __post_init__(self) -> None:
        self._known = Batcher(self.ledger.answers, ROWS_AT_ONCE)
        self._record = Batcher(self.ledger.record, ROWS_AT_ONCE)

    async def execute(self) -> RunResult:
        """Asks what the ledger lacks and returns the result over every item. Killed, it may simply be started again.

        Raises NotReady where the ledger fails.
        """
        await fan_out(self.benchmark.items, self._settle, self.in_flight)
        return measure(
            self.benchmark,
            self._answers,
            setting=self.asker.setting,
            backbone=self.asker.identity.model,
            fingerprint=self.asker.identity.weights,
            prompt=self.template.name,
            parameters=_parameters(self.sampling, self.asker.identity),
            captioner=self.captioner,
            checkpoint=self.checkpoint,
            captions=self._captions,
        )

    async def _settle(self, item: Item) -> None:
        """Brings one item to its answer, or to its recorded failure."""
        try:
            question = await self.asker.prepare(item)
            self._captions[item.id] = question.caption
            answer = await self._answer(item, question)
        except EarwitnessError as error:
            answer = Answer(text="", finish_reason="error", error=str(error))
            self.failed += 1
            await self._record.submit(self._entry("", item, answer))
        self._answers[item.id] = answer
        done, total = len(self._answers), len(self.benchmark.items)
        self.on_progress(Progress(done=done, total=total, reused=self.reused, failed=self.failed))

    async def _answer(self, item: Item, question: Question) -> Answer:
        """Returns the ledger's answer, asked for if need be; items with one content wait for each other."""
        key = answer_key(item, question, self.asker, self.sampling)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = await self._known.submit(key)
            if known is not None:
                self.reused += 1
                return known
            answer = await persist(lambda: self.asker.ask(question), self.retries)
            await self._record.submit(self._entry(key, item, answer))
            return answer

    def _entry(self, key: str, item: Item, answer: Answer) -> Entry:
        return Entry(
            key=key,
            benchmark=self.benchmark.name,
            item=item.id,
            setting=self.asker.setting,
            backbone=self.asker.identity.model,
            answer=answer,
        )


def answer_key(item: Item, question: Question, asker: Asker, sampling: Sampling, sample: int = 0) -> str:
    """Returns the ledger's key: a hash of all that can change the answer.

    The rendered prompt holds the template's wording and, in the cascade, the caption; the fingerprint stands for
    weights, tokenizer, chat template, dtype and engine, and in the audio setting for the connector too.
    """
    parts: Sequence[object] = [
        "answer",
        item.digest(question.audio_sha256),
        asker.identity.fingerprint,
        asker.setting,
        [[turn.role, turn.content] for turn in question.turns],
        asdict(sampling),
        sample,
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _parameters(sampling: Sampling, identity: Identity) -> dict[str, str | int | float | bool | None]:
    return {
        "engine": identity.engine,
        "dtype": identity.dtype,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": " | ".join(sampling.stop),
    }
