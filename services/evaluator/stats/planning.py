"""How many items a question needs, and what so many items can tell. All shares and differences are in [0, 1]."""

from math import ceil, log2, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from earwitness.errors import InvalidInput
from services.evaluator.stats.intervals import Z95

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def half_width(n: int, share: float) -> float:
    """Returns half the width of the 95 % interval of a share over n items, by the normal approximation.

    1000 items at 65 % give 3.0 points to either side; 2000 items at 80 %, 1.75.
    """
    _check_share(share, "share")
    if n < 1:
        raise InvalidInput(f"{n} items", "n", "give at least one")
    return Z95 * sqrt(share * (1 - share) / n)


def items_for(width: float, share: float = 0.5) -> int:
    """Returns how many items put a share within `width` to either side; a share of one half needs the most."""
    _check_share(share, "share")
    _check_share(width, "width")
    return max(1, ceil(share * (1 - share) * (Z95 / width) ** 2))


def items_to_tell(difference: float, discordance: float, target: float = 0.8, alpha: float = 0.05) -> int:
    """Returns how many items show a difference between two runs with the chance `target`, by a two-sided paired test.

    `discordance` is the share of items that just one run gets right, `difference` by how much one of them leads; the
    items on which both agree tell nothing (R. J. Connor, Biometrics 43, 1987, 207-211). The exact test is a little more
    cautious than the formula: `power` says by how much. Raises `InvalidInput` for a difference above the discordance.
    """
    _check_difference(difference, discordance)
    sure, seen = _normal(1 - alpha / 2), _normal(target)
    reach = sure * sqrt(discordance) + seen * sqrt(discordance - difference**2)
    return ceil((reach / difference) ** 2)


def tellable(n: int, discordance: float, target: float = 0.8, alpha: float = 0.05) -> float:
    """Returns the smallest difference that n items show with the chance `target`: the reverse of `items_to_tell`.

    Where even runs that never gain what they lose would not show it, that is infinity.
    """
    _check_share(discordance, "discordance")
    if items_to_tell(discordance, discordance, target, alpha) > n:
        return float("inf")
    low, high = 0.0, discordance
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if items_to_tell(middle, discordance, target, alpha) <= n else (middle, high)
    return high


def power(n: int, difference: float, discordance: float, alpha: float = 0.05) -> float:
    """Returns the chance that the exact two-sided McNemar test over n items finds a difference, without approximation.

    Summed over how many items the runs differ on, and over how these fall (S. W. Duffy, Biometrics 40, 1984).
    """
    import numpy as np
    from scipy.stats import binom

    _check_difference(difference, discordance)
    differing = np.arange(n + 1)
    most = _gained(differing, alpha / 2)
    leading = (discordance + difference) / (2 * discordance)
    found = binom.cdf(most, differing, 1 - leading) + binom.cdf(most, differing, leading)
    return float(np.sum(binom.pmf(differing, n, discordance) * found))


def smallest_drop(n: int, differing: int, alpha: float = 0.05) -> float | None:
    """Returns the smallest drop over n items that the exact one-sided test finds if runs differ on `differing` of them.

    On too few items no drop shows; it is then the smallest that shows on any number of items, every one of them lost.
    None if n itself is too few.
    """
    gained = int(_gained(differing, alpha))
    if gained >= 0:
        return (differing - 2 * gained) / n
    fewest = int(-log2(alpha)) + 1
    return fewest / n if fewest <= n else None


def _gained(differing: "ArrayLike", alpha: float) -> "NDArray[np.float64]":
    """Returns the most heads among so many fair coins that are rarer than alpha; -1 if none are."""
    from scipy.stats import binom

    return binom.ppf(alpha, differing, 0.5) - 1


def _normal(probability: float) -> float:
    return NormalDist().inv_cdf(probability)


def _check_share(value: float, field: str) -> None:
    if not 0 < value < 1:
        raise InvalidInput(f"{value:g} is not between 0 and 1", field, "give a share, such as 0.65")


def _check_difference(difference: float, discordance: float) -> None:
    if not 0 < difference <= discordance <= 1:
        text = f"a difference of {difference:g} does not fit runs that differ on {discordance:g} of the items"
        raise InvalidInput(text, "difference", "give 0 < difference <= discordance <= 1")
