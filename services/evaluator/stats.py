"""How sure a number is: intervals, paired tests and correlations, on plain sequences.

All bootstraps are seeded, so that a report is the same each time it is made. An interval here is a 95 % one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import atanh, isclose, sqrt, tanh
from typing import TYPE_CHECKING, Literal

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""
RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Two runs over the same items: where only one of them was right, and how likely so lopsided a split is by luck."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """A correlation over `n` pairs; with few pairs the intervals are the message."""

    kind: Literal["pearson", "spearman"]
    n: int
    r: float
    fisher: Interval
    bootstrap: Interval


def wilson(successes: int, n: int) -> Interval:
    """Returns the score interval of a share (E. B. Wilson, JASA 22, 1927), which stays in [0, 1] and holds for small n.

    Without a trial, nothing is known: [0, 1].
    """
    if n == 0:
        return Interval(low=0.0, high=1.0)
    share = successes / n
    shrink = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / shrink
    reach = Z95 * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / shrink
    return Interval(
        low=0.0 if successes == 0 else centre - reach,
        high=1.0 if successes == n else centre + reach,
    )


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Returns the exact two-sided McNemar test of two runs over the same items, in the same order.

    Only the items on which the runs differ say anything: under no difference, each is a fair coin (Q. McNemar, 1947).
    """
    pairs = list(zip(first, second, strict=True))
    only_first = sum(a and not b for a, b in pairs)
    only_second = sum(b and not a for a, b in pairs)
    return Paired(only_first=only_first, only_second=only_second, p=_fair_coin(only_first, only_second))


def holm(ps: Sequence[float]) -> list[float]:
    """Returns the p-values adjusted for having tested them all, in the order given (S. Holm, 1979)."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = largest
    return adjusted


def pearson(xs: Sequence[float], ys: Sequence[float], seed: int = 0) -> Correlation:
    """Returns the linear correlation of pairs; raises `InvalidInput` for fewer than 3, or if a side is constant."""
    return _correlate("pearson", xs, ys, seed)


def spearman(xs: Sequence[float], ys: Sequence[float], seed: int = 0) -> Correlation:
    """Returns the rank correlation of pairs, ties sharing their mean rank; raises as `pearson` does.

    Its Fisher interval is widened by sqrt(1 + r^2 / 2) (D. G. Bonett and T. A. Wright, Psychometrika 65, 2000).
    """
    return _correlate("spearman", xs, ys, seed)


def fisher(r: float, n: int, widening: float = 1.0) -> Interval:
    """Returns the interval of a correlation over `n` pairs by Fisher's z, whose standard error is 1 / sqrt(n - 3)."""
    if n <= 3:
        return Interval(low=-1.0, high=1.0)
    if isclose(abs(r), 1.0):
        return Interval(low=r, high=r)
    reach = Z95 * widening / sqrt(n - 3)
    return Interval(low=tanh(atanh(r) - reach), high=tanh(atanh(r) + reach))


def bootstrap(
    statistic: "Callable[[NDArray[np.float64]], NDArray[np.float64]]", rows: Sequence[Sequence[float]], seed: int = 0
) -> Interval:
    """Returns the percentile interval of a statistic over rows drawn with replacement.

    `statistic` takes resamples of shape `(resamples, rows, columns)` and gives one value for each; values that are not
    finite, as from a constant resample, are left out.
    """
    import numpy as np

    table = np.asarray(rows, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(table), size=(RESAMPLES, len(table)))
    values = statistic(table[drawn])
    low, high = np.quantile(values[np.isfinite(values)], [0.025, 0.975])
    return Interval(low=float(low), high=float(high))


def _correlate(
    kind: Literal["pearson", "spearman"], xs: Sequence[float], ys: Sequence[float], seed: int
) -> Correlation:
    import numpy as np

    if len(xs) != len(ys):
        raise InvalidInput(f"{len(xs)} values against {len(ys)}", "ys", "give pairs")
    if len(xs) < 3 or min(len(set(xs)), len(set(ys))) < 2:
        raise InvalidInput("a correlation needs three pairs that differ", "xs", "add backbones")

    def statistic(samples: "NDArray[np.float64]") -> "NDArray[np.float64]":
        values = _ranked(samples) if kind == "spearman" else samples
        centred = values - values.mean(axis=1, keepdims=True)
        x, y = centred[..., 0], centred[..., 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))

    pairs = list(zip(xs, ys, strict=True))
    r = min(1.0, max(-1.0, float(statistic(np.asarray([pairs], dtype=np.float64))[0])))
    widening = sqrt(1 + r * r / 2) if kind == "spearman" else 1.0
    return Correlation(
        kind=kind,
        n=len(pairs),
        r=r,
        fisher=fisher(r, len(pairs), widening),
        bootstrap=bootstrap(statistic, pairs, seed),
    )


def _ranked(samples: "NDArray[np.float64]") -> "NDArray[np.float64]":
    from scipy.stats import rankdata

    return rankdata(samples, axis=1)


def _fair_coin(heads: int, tails: int) -> float:
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(heads, tails), heads + tails, 0.5)))
