"""How far two sets of scores of the same options order them alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

Scores = Sequence[Sequence[tuple[float, int]]]
"""For each question the summed log-probability and the number of tokens of each option."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Two sets of scores beside each other."""

    questions: int
    same_best: float
    """The share of questions with the same best option, by log-probability per token."""
    same_order: float
    """The share of pairs of options of one question that both order alike: Kendall's tau is twice that less 1."""
    most_apart: float
    """The greatest difference of a summed log-probability."""


def compare(one: Scores, other: Scores) -> Agreement:
    """Compares scores of the same questions, of which there is at least one."""
    best, alike, pairs, apart = 0, 0, 0, 0.0
    for left, right in zip(one, other, strict=True):
        mine, theirs = _means(left), _means(right)
        best += mine.index(max(mine)) == theirs.index(max(theirs))
        for first, second in combinations(range(len(mine)), 2):
            pairs += 1
            alike += (mine[first] > mine[second]) == (theirs[first] > theirs[second])
        apart = max(apart, *(abs(a[0] - b[0]) for a, b in zip(left, right, strict=True)))
    return Agreement(questions=len(one), same_best=best / len(one), same_order=alike / max(pairs, 1), most_apart=apart)


def _means(scores: Sequence[tuple[float, int]]) -> list[float]:
    return [total / max(tokens, 1) for total, tokens in scores]
