"""95 % intervals: of a share by its formula, of anything else by the bootstrap (B. Efron, Ann. Statist. 7, 1979)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""
RESAMPLES = 10_000
_CELLS = 2**22
"""Numbers drawn at a time, so that memory stays flat: 32 MiB of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


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


def percentiles(values: "NDArray[np.float64]") -> Interval:
    """Returns the percentile interval of a statistic's resampled values.

    Values that are not finite, as a correlation's over a constant resample, are left out. Raises `InvalidInput` if none
    is left.
    """
    import numpy as np

    finite = values[np.isfinite(values)]
    if not len(finite):
        raise InvalidInput("no resample gives a number", "rows", "give rows that differ")
    low, high = np.quantile(finite, [0.025, 0.975])
    return Interval(low=float(low), high=float(high))


def bootstrap(
    statistic: "Callable[[NDArray[np.float64]], NDArray[np.float64]]", rows: Sequence[Sequence[float]], seed: int = 0
) -> Interval:
    """Returns the percentile interval of a statistic over rows drawn with replacement.

    `statistic` takes resamples of shape `(resamples, rows, columns)` and gives one value for each, NaN where it has
    none. With fewer than some twenty rows the interval is too narrow: read it beside one that has a formula.
    """
    import numpy as np

    table = np.asarray(rows, dtype=np.float64)
    generator = np.random.default_rng(seed)
    values = [statistic(table[generator.integers(len(table), size=(size, len(table)))]) for size in _sizes(table.size)]
    return percentiles(np.concatenate(values))


def bootstrap_items(
    statistic: "Callable[[NDArray[np.float64]], NDArray[np.float64]]",
    correct: "NDArray[np.bool_]",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Returns the percentile interval of a statistic of shares, over items drawn with replacement.

    `correct` is as in `resampled_shares`, whose result `statistic` takes, to give one value for each resample.
    """
    return percentiles(statistic(resampled_shares(correct, seed, resamples)))


def resampled_shares(correct: "NDArray[np.bool_]", seed: int = 0, resamples: int = RESAMPLES) -> "NDArray[np.float64]":
    """Returns the shares of right answers over items drawn with replacement, of shape `(resamples, runs)`.

    `correct` has shape `(items, runs)`: an item is drawn for all runs at once, which keeps them paired. Items that the
    same runs got right are interchangeable, so what is drawn is how often each such pattern occurs, a multinomial
    count: the same distribution, at a cost that does not grow with the number of items.
    """
    import numpy as np

    if not correct.size:
        raise InvalidInput("there is no item to draw", "correct", "give outcomes of at least one item")
    patterns, counts = np.unique(correct, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = [
        generator.multinomial(len(correct), counts / len(correct), size=size) @ patterns.astype(np.float64)
        for size in _sizes(len(patterns), resamples)
    ]
    return np.concatenate(drawn) / len(correct)


def _sizes(cells: int, resamples: int = RESAMPLES) -> list[int]:
    """Returns the sizes of chunks of resamples, each resample being so many numbers."""
    size = max(1, _CELLS // max(1, cells))
    return [min(size, resamples - start) for start in range(0, resamples, size)]
