"""The order of choices: fixed by hashes, balanced over the letters, and kept from one version to the next.

A model's answer depends on the order of the choices, so a new version keeps it wherever a question is unchanged: its
old answers still stand then.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from services.evaluator.akb.question import Question


def arrange(questions: Sequence[Question], *, seed: str, previous: Iterable[Question] = ()) -> list[Question]:
    """Returns the questions with their choices in order.

    Those of `previous` keep theirs. In each category the others get the letter that is the rarest there, one after
    another in the order of a hash with the `seed`; their distractors follow a hash too.
    """
    kept = {question.content: question.choices for question in previous}
    letters = _letters(questions, kept, seed)
    arranged: list[Question] = []
    for question in questions:
        choices = kept.get(question.content)
        if choices is None:
            ordered = sorted(question.distractors, key=lambda text: _digest(seed, question.question, text))
            at = letters[question.content]
            choices = (*ordered[:at], question.answer, *ordered[at:])
        arranged.append(replace(question, choices=choices))
    return arranged


def _letters(questions: Sequence[Question], kept: Mapping[str, tuple[str, ...]], seed: str) -> dict[str, int]:
    """Returns the place of the answer for each question that is not kept, by its content."""
    found: dict[str, int] = {}
    for category in dict.fromkeys(question.category for question in questions):
        group = [question for question in questions if question.category == category]
        taken = Counter(kept[each.content].index(each.answer) for each in group if each.content in kept)
        new = [each for each in group if each.content not in kept]
        for question in sorted(new, key=lambda each: _digest(seed, each.question)):
            at = min(range(len(question.choices)), key=lambda place: (taken[place], place))
            taken[at] += 1
            found[question.content] = at
    return found


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\n".join(parts).encode()).digest()
