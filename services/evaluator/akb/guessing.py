"""The check whether a question needs knowledge: what small models get right with the question, and without it.

A question that every small model solves in every rotation of its choices tells strong models apart no better than
chance; one that is solved from the choices alone gives its answer away.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from earwitness.errors import EarwitnessError
from earwitness.fanout import Outage, fan_out
from earwitness.sampling import Sampling
from services.evaluator.akb.checks import Finding
from services.evaluator.akb.question import Question
from services.evaluator.items import Answer, Item, Outcome
from services.evaluator.plan import Plan
from services.evaluator.scoring import score
from services.evaluator.service import Service
from services.evaluator.settings import LanguageModel, TextAsker

HIDDEN = "Which of these is the right answer? The question itself is hidden: choose the most likely option."
SAMPLING = Sampling(max_tokens=32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One question as put to one model: its choices moved on, with its words or without."""

    place: str
    model: str
    rotation: int
    hidden: bool
    right: bool
    error: str = ""
    """Why there is no answer; such a trial says nothing of the question."""


def solved(questions: Sequence[Question], trials: Sequence[Trial]) -> list[Finding]:
    """Finds questions that every model solves in every rotation: with the words shown, and from the choices alone."""
    found: list[Finding] = []
    results: dict[tuple[str, bool], list[Trial]] = {}
    for trial in trials:
        results.setdefault((trial.place, trial.hidden), []).append(trial)
    for question in questions:
        for hidden, check in ((False, "solved-without-thinking"), (True, "solved-from-choices")):
            tried = [trial for trial in results.get((question.place, hidden), []) if not trial.error]
            if tried and all(trial.right for trial in tried):
                models = len({trial.model for trial in tried})
                text = f"right in all {len(tried)} trials of {models} model{'s' * (models > 1)}"
                found.append(Finding(check=check, place=question.place, text=text))
    return found


def by_chance(questions: Sequence[Question], trials: Sequence[Trial]) -> float:
    """Returns how many questions would be solved in every trial if every answer were a lot among the choices."""
    number = Counter(trial.place for trial in trials if not trial.error)
    return sum(len(each.choices) ** -number[each.place] for each in questions if number[each.place])


async def trials(
    questions: Sequence[Question],
    models: Mapping[str, Service[LanguageModel]],
    *,
    hidden: bool,
    rotations: int = 0,
    in_flight: int = 32,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Asks every model every question without thinking, in so many rotations (0: one for each choice).

    A call that fails for good is a trial with an error. Raises Outage where a model is gone for good.
    """
    asked = [
        (question, name, rotation)
        for question in questions
        for name in models
        for rotation in range(min(rotations or len(question.choices), len(question.choices)))
    ]
    made: list[Trial] = []

    async def work(one: tuple[Question, str, int]) -> None:
        question, name, rotation = one
        item = _item(question, hidden=hidden).rotated(rotation)
        asker = TextAsker(service=models[name], plan=Plan(sampling=SAMPLING))
        right, error = False, ""
        try:
            answer: Answer = (await asker.ask(await asker.prepare(item))).value
            right = score(item, answer).outcome is Outcome.CORRECT
        except Outage:
            raise
        except EarwitnessError as failure:
            error = str(failure)
        trial = Trial(place=question.place, model=name, rotation=rotation, hidden=hidden, right=right, error=error)
        made.append(trial)
        on_trial(trial)

    await fan_out(asked, work, in_flight)
    return made


def _item(question: Question, *, hidden: bool) -> Item:
    return Item(
        id=question.place,
        question=HIDDEN if hidden else question.question,
        choices=question.choices,
        answer=question.answer,
    )
