"""Verification by rule: answers proved by computation, as often as anyone likes, without trust in who wrote them.

A question is proved when the rule that its evidence names accepts the answer and rejects every other choice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.evaluator.akb.question import Question, from_call
from services.evaluator.akb.rules.registry import fault, load_rules

RULE = "rule"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What came of the questions that claim a rule."""

    proved: tuple[Question, ...]
    refuted: Mapping[str, str]
    """The place of a question to what its rule objects to."""
    others: int
    """Questions that claim no rule."""


def prove(questions: Iterable[Question]) -> Proof:
    """Judges every question that says it is verified by a rule; raises `NotReady` without the dictionary."""
    load_rules()
    proved: list[Question] = []
    refuted: dict[str, str] = {}
    others = 0
    for question in questions:
        if question.verified_by != RULE:
            others += 1
        elif wrong := objection(question):
            refuted[question.place] = wrong
        else:
            proved.append(question)
    return Proof(proved=tuple(proved), refuted=refuted, others=others)


def objection(question: Question) -> str:
    """Says what a question's rule objects to, "" if it proves the answer; `load_rules` must have been called."""
    try:
        evidence = from_call(question.evidence)
    except ValueError as error:
        return str(error)
    return fault(evidence, question.answer, list(question.distractors))
