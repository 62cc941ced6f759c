"""Generation: every subcategory filled to its quota with drafts, by models that take turns.

Calls go out in rounds. What a round brings is taken in a fixed order, so that the same replies give the same drafts
whatever arrives first; the log of calls makes it go on where it was. Drafts are not verified: that is the next step.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from earwitness.errors import EarwitnessError, InvalidInput
from earwitness.fanout import Outage, fan_out
from earwitness.sampling import Sampling
from services.evaluator.akb import drafts
from services.evaluator.akb.arrangement import arrange
from services.evaluator.akb.calls import Call, CallLog, key_of
from services.evaluator.akb.duplicates import Index
from services.evaluator.akb.question import Question, normalised
from services.evaluator.akb.taxonomy import Category, Subcategory, Taxonomy
from services.evaluator.akb.writers import Writer

TOKENS_PER_QUESTION = 220
MOST_ROUNDS = 6
"""A subcategory that is not full after so many rounds stays as it is: the models have nothing new to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be generated."""

    taxonomy: Taxonomy
    per_subcategory: int
    per_call: int = 4
    seed: int = 0
    temperature: float = 0.8
    only: frozenset[str] = frozenset()
    """Subcategories by name; none means all of them."""

    def check(self) -> None:
        """Raises InvalidInput for an order that cannot be carried out."""
        if self.per_subcategory < 1 or self.per_call < 1:
            raise InvalidInput("must be at least 1", "--per-subcategory", "ask for some questions")
        unknown = self.only - {sub.name for _, sub in self.taxonomy.places}
        if unknown:
            raise InvalidInput(f"there is no subcategory {', '.join(sorted(unknown))}", "--only", "see `akb taxonomy`")


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A draft that does not count, and why."""

    subcategory: str
    model: str
    reason: str
    draft: str
    """As the model wrote it: the question, or as much of the reply as cannot be read."""


@dataclass(kw_only=True, slots=True)
class Yield:
    """What generation has come to."""

    questions: list[Question] = field(default_factory=list[Question])
    asked: int = 0
    """Calls that were made now."""
    failed: int = 0
    """Calls that failed for good; the same command asks them again."""
    malformed: list[LeftOut] = field(default_factory=list[LeftOut])
    """Drafts, or replies, that were not of the right form."""
    near: list[LeftOut] = field(default_factory=list[LeftOut])
    """Drafts that were nearly the same as another question."""

    def count(self, subcategory: str) -> int:
        """Returns how many drafts a subcategory has."""
        return sum(question.subcategory == subcategory for question in self.questions)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planned:
    category: Category
    subcategory: Subcategory
    writer: Writer
    prompt: str
    sampling: Sampling

    @property
    def key(self) -> str:
        return key_of(self.writer.fingerprint, self.prompt, self.sampling)


async def generate(
    order: Order,
    writers: Sequence[Writer],
    log: CallLog,
    *,
    existing: Sequence[Question] = (),
    in_flight: int = 16,
    on_round: Callable[[Yield], None] = lambda made: None,
    stop: asyncio.Event | None = None,
) -> Yield:
    """Returns the drafts, none of them nearly the same as another or as one of `existing`.

    Models write the answer first; here it stands at every letter as often, in an order that the seed fixes.

    Raises InvalidInput for an order that cannot be carried out, and Outage where a model is gone for good.
    """
    order.check()
    made, known = Yield(), _Known(existing)
    for round_ in range(MOST_ROUNDS):
        planned = _plan(order, writers, made, round_)
        if not planned or (stop and stop.is_set()):
            break

        async def ask(call: _Planned) -> None:
            await _ask(call, log, made)

        await fan_out([call for call in planned if call.key not in log.texts], ask, in_flight, stop)
        for call in planned:
            _take(call, log, made, known, order.per_subcategory)
        on_round(made)
    made.questions = arrange(made.questions, seed=f"drafts {order.seed}")
    return made


def _plan(order: Order, writers: Sequence[Writer], made: Yield, round_: int) -> list[_Planned]:
    """Returns the calls of a round: as many for each subcategory as could fill it."""
    planned: list[_Planned] = []
    for at, (category, subcategory) in enumerate(order.taxonomy.places):
        if order.only and subcategory.name not in order.only:
            continue
        asked = [each.question for each in made.questions if each.subcategory == subcategory.name]
        missing = order.per_subcategory - len(asked)
        for turn, start in enumerate(range(0, missing, order.per_call)):
            number = min(order.per_call, missing - start)
            sampling = Sampling(
                max_tokens=number * TOKENS_PER_QUESTION,
                temperature=order.temperature,
                seed=order.seed + round_ * 10_000 + turn,
            )
            planned.append(
                _Planned(
                    category=category,
                    subcategory=subcategory,
                    writer=writers[(at + turn + round_) % len(writers)],
                    prompt=drafts.prompt(category, subcategory, number, asked),
                    sampling=sampling,
                )
            )
    return planned


async def _ask(call: _Planned, log: CallLog, made: Yield) -> None:
    made.asked += 1
    text = error = ""
    try:
        text = await call.writer.write(call.prompt, call.sampling)
    except Outage:
        raise
    except EarwitnessError as failure:
        made.failed += 1
        error = f"{failure.code}: {failure}"
    places = {"category": call.category.name, "subcategory": call.subcategory.name}
    log.add(Call(key=call.key, model=call.writer.name, text=text, error=error, **places))


class _Known:
    """Questions that no draft may ask again."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._index = Index(questions)
        self._asked = {normalised(each.question) for each in questions}

    def add(self, question: Question) -> None:
        self._index.add(question)
        self._asked.add(normalised(question.question))

    def objection(self, question: Question) -> str:
        """Says what a draft has in common with a known question, "" for nothing much."""
        if normalised(question.question) in self._asked:
            return "another draft asks the same"
        pair = self._index.nearest(question)
        return f"shares {pair.likeness:.0%} of its wording with {pair.first.place}" if pair else ""


def _take(call: _Planned, log: CallLog, made: Yield, known: _Known, most: int) -> None:
    """Takes the drafts of a call that are new, as far as there is room."""
    text = log.texts.get(call.key)
    if text is None:
        return
    subcategory, model = call.subcategory.name, call.writer.name
    found, faults = drafts.questions_in(text, call.category.name, subcategory, model)
    for fault in faults:
        made.malformed.append(LeftOut(subcategory=subcategory, model=model, reason=fault.text, draft=fault.draft))
    for question in found:
        if made.count(subcategory) >= most:
            return
        if reason := known.objection(question):
            made.near.append(LeftOut(subcategory=subcategory, model=model, reason=reason, draft=question.question))
            continue
        known.add(question)
        made.questions.append(question)
