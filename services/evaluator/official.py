"""The string match by which MMAU and MMAR score an answer, from its description; both repositories use the same one.

An answer is right if it has every word of the right choice and none of the words that only wrong choices have. Words
are runs of letters, digits and underscores, without case, order or number. What follows from that:

- A wrong choice with the same set of words passes as right: "From near to far" for "From far to near", "twenty-one,
  twenty" for "twenty, one".
- An answer that denies the right choice passes, if it names no other: "It is not thunder."
- A reply of just a letter is wrong, since it has no word of the choice. A sentence around the choice is wrong if it
  happens to use a word of another one, so a fixed phrase like "The correct answer is:" has to be taken off before.
- A right choice of symbols alone has no words: any answer without a wrong word passes.

The original drops items without a prediction from the denominator; here each one counts (`services.evaluator.scoring`).
"""

import re
from collections.abc import Sequence

_WORD = re.compile(r"\b\w+\b")


def words(text: str) -> frozenset[str]:
    """Returns the set of words of a text, in lower case."""
    return frozenset(_WORD.findall(text.lower()))


def matches(prediction: str, answer: str, choices: Sequence[str]) -> bool:
    """Returns whether the official string match takes `prediction` for the choice `answer`."""
    said = words(prediction)
    if not said:
        return False
    right = words(answer)
    wrong = frozenset[str]().union(*(words(choice) - right for choice in choices if words(choice) != right))
    return right <= said and not said & wrong
