"""The string match by which MMAU and MMAR score an answer, from its description; both repositories use the same one.

An answer is right if it has every word of the right choice and none of the words that only wrong choices have. Words
are runs of letters, digits and underscores, without case, order or number. What follows from that:

- A wrong choice with the same set of words passes as right: "From near to far" for "From far to near", "twenty-one,
  twenty" for "twenty, one".
- An answer that denies the right choice passes, if it names no other: "It is not thunder."
- A reply of just a letter is wrong, since it has no word of the choice. A sentence around the choice is wrong if it
  happens to use a word of another one, so a fixed phrase like "The correct answer is:" has to be taken off before.
- A right choice of symbols alone has no words: any answer without a wrong word passes.

The original drops items without a prediction from the denominator (`Share`); our own accuracy has every item in it
(`services.evaluator.scoring`). It looks at an answer as it stands: what follows from a phrase around it is in the list.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Predictions that pass, of those that there are."""

    correct: int
    n: int

    @property
    def accuracy(self) -> float:
        """Their share; NaN if there is no prediction."""
        return self.correct / self.n if self.n else float("nan")


def words(text: str) -> frozenset[str]:
    """Returns the set of words of a text, in lower case."""
    return frozenset(_WORD.findall(text.lower()))


def matches(prediction: str, answer: str, choices: Sequence[str]) -> bool:
    """Returns whether the official string match takes `prediction` for the choice `answer`."""
    said, right = words(prediction), words(answer)
    if not said or not right <= said:
        return False
    extra = said - right
    return not extra or extra.isdisjoint(words(" ".join(choices)))


def share(passed: Iterable[bool | None]) -> Share:
    """Returns the count of predictions by whether each passes; None where there is no prediction."""
    each = [bool(one) for one in passed if one is not None]
    return Share(correct=sum(each), n=len(each))
