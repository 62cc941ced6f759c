"""Near-duplicates: questions that share most of their wording, found by MinHash.

A. Z. Broder, "On the resemblance and containment of documents" (1997); the sketches are datasketch's. Two questions are
compared by runs of letters in their question and answer; quoted words count as they stand, since the words in question
are the question where sounds of words are asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.evaluator.akb.question import Question, normalised

NEAR = 0.8
"""The share of common letter runs from which two questions count as nearly the same."""
PERMUTATIONS = 128
RUN = 4
"""Letters in a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two questions that are nearly the same."""

    first: Question
    second: Question
    likeness: float
    """The share of letter runs that they have in common, 0 to 1."""


def likeness(one: Question, other: Question) -> float:
    """Returns the exact share of letter runs that two questions have in common (the Jaccard index)."""
    first, second = _runs(one), _runs(other)
    return len(first & second) / len(first | second)


class Index:
    """Questions that can be searched for one that is nearly the same."""

    def __init__(self, questions: Iterable[Question] = (), near: float = NEAR) -> None:
        """`near` is the least likeness that counts. Raises NotReady where datasketch is not installed."""
        self._near = near
        self._lsh = _module().MinHashLSH(threshold=near * 0.9, num_perm=PERMUTATIONS)
        self._known: list[Question] = []
        for question in questions:
            self.add(question)

    def add(self, question: Question) -> None:
        """Adds one."""
        self._lsh.insert(len(self._known), _sketch(question))
        self._known.append(question)

    def nearest(self, question: Question) -> Pair | None:
        """Returns the likest of the known questions with this one, or None if none is near.

        Sketches only choose the candidates; the likeness is the exact one.
        """
        candidates = [self._known[at] for at in sorted(self._lsh.query(_sketch(question)))]
        pairs = [Pair(first=each, second=question, likeness=likeness(each, question)) for each in candidates]
        best = max(pairs, key=lambda pair: pair.likeness, default=None)
        return best if best and best.likeness >= self._near else None


def near_duplicates(questions: Sequence[Question], near: float = NEAR) -> list[Pair]:
    """Returns each question that is nearly the same as an earlier one, with the likest of those."""
    index = Index(near=near)
    found: list[Pair] = []
    for question in questions:
        if pair := index.nearest(question):
            found.append(pair)
        index.add(question)
    return found


def _runs(question: Question) -> set[str]:
    text = f" {normalised(question.question)} {normalised(question.answer)} "
    return {text[at : at + RUN] for at in range(max(len(text) - RUN + 1, 1))}


def _sketch(question: Question) -> Any:
    sketch = _module().MinHash(num_perm=PERMUTATIONS)
    sketch.update_batch([run.encode() for run in _runs(question)])
    return sketch


def _module() -> Any:
    from earwitness.errors import NotReady

    try:
        import datasketch
    except ModuleNotFoundError:
        raise NotReady("datasketch is not installed", "duplicates", "pip install 'earwitness[akb]'") from None
    return datasketch
