"""How two columns of numbers go together, and how sure that is: with few pairs the intervals are the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import atanh, isclose, sqrt, tanh
from typing import TYPE_CHECKING, Literal

from earwitness.errors import InvalidInput
from services.evaluator.stats.intervals import Z95, Interval, bootstrap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["pearson", "spearman"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Correlation:
    """A correlation over `n` pairs."""

    kind: Kind
    n: int
    r: float
    fisher: Interval
    bootstrap: Interval
    """Over pairs drawn with replacement."""


def pearson(xs: Sequence[float], ys: Sequence[float], seed: int = 0) -> Correlation:
    """Returns the linear correlation of pairs; raises `InvalidInput` for fewer than 3, or if a side is constant."""
    return _correlate("pearson", xs, ys, seed)


def spearman(xs: Sequence[float], ys: Sequence[float], seed: int = 0) -> Correlation:
    """Returns the rank correlation of pairs, ties sharing their mean rank; raises as `pearson` does.

    Its Fisher interval is widened by sqrt(1 + r^2 / 2) (D. G. Bonett and T. A. Wright, Psychometrika 65, 2000).
    """
    return _correlate("spearman", xs, ys, seed)


def fisher(r: float, n: int, widening: float = 1.0) -> Interval:
    """Returns the interval of a correlation over `n` pairs by Fisher's z, whose standard error is 1 / sqrt(n - 3).

    R. A. Fisher, Metron 1, 1921. Three pairs or fewer say nothing: [-1, 1].
    """
    if n <= 3:
        return Interval(low=-1.0, high=1.0)
    if isclose(abs(r), 1.0):
        return Interval(low=r, high=r)
    reach = Z95 * widening / sqrt(n - 3)
    return Interval(low=tanh(atanh(r) - reach), high=tanh(atanh(r) + reach))


def kendall(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Returns the agreement of two rankings, from -1 to 1: tau-b, which allows for ties (M. G. Kendall, 1945).

    Without ties, (1 + tau) / 2 is the share of pairs that both rank alike. Raises as `pearson` does.
    """
    _check(xs, ys)
    agreeing = x_untied = y_untied = 0
    for (x, y), (other_x, other_y) in combinations(zip(xs, ys, strict=True), 2):
        x_sign, y_sign = (x > other_x) - (x < other_x), (y > other_y) - (y < other_y)
        agreeing += x_sign * y_sign
        x_untied += x_sign != 0
        y_untied += y_sign != 0
    return agreeing / sqrt(x_untied * y_untied)


def matrix(
    columns: Mapping[str, Mapping[str, float]], kind: Kind = "pearson", seed: int = 0
) -> dict[tuple[str, str], Correlation]:
    """Returns the correlation of each two columns, over the rows that both have.

    A column maps the name of a row to its number. Each pair stands once, in the order of the columns; one that has
    fewer than 3 common rows, or a side that is constant over them, is absent.
    """
    found: dict[tuple[str, str], Correlation] = {}
    for first, second in combinations(columns, 2):
        rows = [row for row in columns[first] if row in columns[second]]
        xs, ys = [columns[first][row] for row in rows], [columns[second][row] for row in rows]
        if len(rows) >= 3 and min(len(set(xs)), len(set(ys))) >= 2:
            found[first, second] = _correlate(kind, xs, ys, seed)
    return found


def coefficients(kind: Kind, xs: "NDArray[np.float64]", ys: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Returns the correlation along the last axis, NaN where a side is constant: `(..., pairs)` to `(...)`."""
    import numpy as np

    if kind == "spearman":
        from scipy.stats import rankdata

        xs, ys = rankdata(xs, axis=-1), rankdata(ys, axis=-1)
    x, y = xs - xs.mean(axis=-1, keepdims=True), ys - ys.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (x * y).sum(axis=-1) / np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    return np.clip(r, -1.0, 1.0)


def _correlate(kind: Kind, xs: Sequence[float], ys: Sequence[float], seed: int) -> Correlation:
    import numpy as np

    _check(xs, ys)
    r = float(coefficients(kind, np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)))
    return Correlation(
        kind=kind,
        n=len(xs),
        r=r,
        fisher=fisher(r, len(xs), sqrt(1 + r * r / 2) if kind == "spearman" else 1.0),
        bootstrap=bootstrap(
            lambda samples: coefficients(kind, samples[..., 0], samples[..., 1]), list(zip(xs, ys, strict=True)), seed
        ),
    )


def _check(xs: Sequence[float], ys: Sequence[float]) -> None:
    if len(xs) != len(ys):
        raise InvalidInput(f"{len(xs)} values against {len(ys)}", "ys", "give pairs")
    if len(xs) < 3 or min(len(set(xs)), len(set(ys))) < 2:
        raise InvalidInput("a correlation needs three pairs that differ", "xs", "add backbones")
