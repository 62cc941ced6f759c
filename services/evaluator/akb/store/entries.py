"""What is written down about a question, and what several people's verdicts come to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from services.evaluator.akb.question import Question

Round = Literal["first", "adjudication"]
Verdict = Literal["accept", "edit", "reject"]
VERDICTS: tuple[Verdict, ...] = ("accept", "edit", "reject")


class Standing(StrEnum):
    """How far a question is."""

    OPEN = "open"
    """Fewer people than are needed have looked at it."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DISPUTED = "disputed"
    """The annotators disagree, and nobody has adjudicated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """One person's verdict on one question. It is never changed: a later one of the same person stands before it."""

    question: str
    """The question's key in the store."""
    annotator: str
    verdict: Verdict
    edited: Question | None = None
    """What it should read, if the verdict is `edit`."""
    choice: str = ""
    """The choice that an annotator took who did not see the key; "" for one who saw it."""
    note: str = ""
    seconds: float = 0.0
    """From the moment that the question was shown."""
    round: Round = "first"
    at: float = 0.0
    """Seconds since 1970; set by the store."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What the annotations of a question come to."""

    standing: Standing
    question: Question
    """As it stands now: edited, if that was decided."""
    people: tuple[str, ...]
    """Whose verdicts it rests on."""


def decide(question: Question, annotations: Sequence[Annotation], needed: int) -> Decision:
    """Returns what annotations, the oldest first, come to.

    An adjudication settles. Otherwise `needed` people have to agree: all accept, all reject, or all edit to the same
    words; whoever answered without the key has to have found it.
    """
    for each in reversed(annotations):
        if each.round == "adjudication":
            return _settled(question, each, _people(annotations))
    first = list(latest(annotations).values())
    people = tuple(sorted(each.annotator for each in first))
    if len(first) < needed:
        return Decision(standing=Standing.OPEN, question=question, people=people)
    missed = any(each.choice and each.verdict == "accept" and each.choice != question.answer for each in first)
    if missed or len({(each.verdict, each.edited) for each in first}) > 1:
        return Decision(standing=Standing.DISPUTED, question=question, people=people)
    return _settled(question, first[0], people)


def latest(annotations: Sequence[Annotation]) -> dict[str, Annotation]:
    """Returns each person's last annotation of the first round, by name."""
    return {each.annotator: each for each in annotations if each.round == "first"}


def _settled(question: Question, by: Annotation, people: tuple[str, ...]) -> Decision:
    if by.verdict == "reject":
        return Decision(standing=Standing.REJECTED, question=question, people=people)
    final = by.edited if by.verdict == "edit" and by.edited else question
    return Decision(standing=Standing.ACCEPTED, question=replace(final, id=question.id), people=people)


def _people(annotations: Sequence[Annotation]) -> tuple[str, ...]:
    return tuple(sorted({each.annotator for each in annotations}))
