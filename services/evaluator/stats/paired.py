"""Runs over the same items: exact tests, the interval of a difference, and which runs cannot be told apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from earwitness.errors import InvalidInput
from services.evaluator.stats.intervals import Interval, wilson


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Two runs over the same items: where only one of them was right, and how likely so lopsided a split is by luck."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ties:
    """Runs over the same items, best first, and which of them differ significantly."""

    order: tuple[str, ...]
    p: dict[tuple[str, str], float]
    """Holm's p-value of each two runs, the one with more right answers first."""
    sets: tuple[tuple[str, ...], ...]
    """The largest sets in which no two runs differ. Two runs share a set if and only if they do not differ."""
    with_best: tuple[str, ...]
    """The best run and all that do not differ from it; among themselves these may."""

    def letters(self, name: str) -> str:
        """Returns the letters of the sets that a run is in: runs without a common letter differ."""
        return "".join(_letter(index) for index, members in enumerate(self.sets) if name in members)


def exact(only_first: int, only_second: int) -> Paired:
    """Returns the exact two-sided McNemar test from the numbers of items that only one run got right."""
    less, more = sorted((only_first, only_second))
    return Paired(only_first=only_first, only_second=only_second, p=min(1.0, 2 * worse(less, more)))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Returns the exact two-sided McNemar test of two runs over the same items, in the same order.

    Only the items on which the runs differ say anything: under no difference, each is a fair coin (Q. McNemar,
    Psychometrika 12, 1947). Raises `ValueError` if one run has more items.
    """
    only_first = only_second = 0
    for a, b in zip(first, second, strict=True):
        only_first += a and not b
        only_second += b and not a
    return exact(only_first, only_second)


def worse(gained: int, lost: int) -> float:
    """Returns the exact one-sided p-value of a loss: the chance of at most so many gains among fair coins."""
    from scipy.special import bdtr

    return float(bdtr(gained, gained + lost, 0.5))


def holm(ps: Sequence[float]) -> list[float]:
    """Returns the p-values, in their order, adjusted for having tested them all (S. Holm, Scand. J. Stat. 6, 1979)."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = largest
    return adjusted


def newcombe(both: int, only_first: int, only_second: int, neither: int) -> Interval:
    """Returns the interval of the first run's share less the second's, over the same items; [-1, 1] without an item.

    Two Wilson intervals, joined with regard to how the runs go together (R. G. Newcombe, Stat. Med. 17, 1998,
    2635-2650, method 10). It stays in [-1, 1] and has a width even where the runs agree on every item.
    """
    n = both + only_first + only_second + neither
    if n == 0:
        return Interval(low=-1.0, high=1.0)
    right, right_too = both + only_first, both + only_second
    first, second = wilson(right, n), wilson(right_too, n)
    below, above = right / n - first.low, first.high - right / n
    below_too, above_too = right_too / n - second.low, second.high - right_too / n
    product = both * neither - only_first * only_second
    spread = sqrt(right * (n - right) * right_too * (n - right_too))
    phi = (max(product - n / 2, 0) if product > 0 else product) / spread if spread else 0.0
    difference = (only_first - only_second) / n
    return Interval(
        low=difference - sqrt(max(0.0, below**2 - 2 * phi * below * above_too + above_too**2)),
        high=difference + sqrt(max(0.0, above**2 - 2 * phi * above * below_too + below_too**2)),
    )


def ties(runs: Mapping[str, Sequence[bool]], alpha: float = 0.05) -> Ties:
    """Returns which runs over the same items differ, by McNemar's tests with Holm's correction over all pairs.

    The correction covers every pair, so also those with a best run that was chosen by looking. Runs with as many right
    answers stand in the order given. Raises `InvalidInput` if the runs have different numbers of items.
    """
    if len({len(correct) for correct in runs.values()}) > 1:
        raise InvalidInput("the runs have different numbers of items", "runs", "give runs over the same items")
    order = sorted(runs, key=lambda name: -sum(runs[name]))
    pairs = list(combinations(order, 2))
    adjusted = holm([mcnemar(runs[first], runs[second]).p for first, second in pairs])
    p = dict(zip(pairs, adjusted, strict=True))
    differing = {pair for pair in pairs if p[pair] < alpha}
    return Ties(
        order=tuple(order),
        p=p,
        sets=tied_sets(order, differing),
        with_best=tuple(name for name in order if (order[0], name) not in differing),
    )


def tied_sets(order: Sequence[str], differing: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Returns the largest sets of names without a differing pair, each in the order given, those of the first first.

    The insert-and-absorb algorithm for compact letter displays (H.-P. Piepho, J. Comput. Graph. Stat. 13, 2004).
    """
    sets = [frozenset(order)] if order else []
    for pair in differing:
        split = [part for members in sets for part in _without(members, pair)]
        sets = [members for members in dict.fromkeys(split) if not any(members < other for other in split)]
    places = {name: place for place, name in enumerate(order)}
    ranked = sorted(sorted(places[name] for name in members) for members in sets)
    return tuple(tuple(order[place] for place in members) for members in ranked)


def _without(members: frozenset[str], pair: tuple[str, str]) -> tuple[frozenset[str], ...]:
    return tuple(members - {name} for name in pair) if members.issuperset(pair) else (members,)


def _letter(index: int) -> str:
    """Returns a .. z, and from there on a1 .. z1, a2 and so on."""
    turn, place = divmod(index, 26)
    return f"{chr(ord('a') + place)}{turn or ''}"
