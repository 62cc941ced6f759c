"""Text results related to audio results, over backbones: do they go together, and what does the one say of the other?

The question behind it is which language model to build an audio model from. A handful of backbones answers it badly,
and the values here say how badly: intervals over backbones and items, a line tested on families that it has not seen,
and the points lost by choosing the best model in text. Accuracies are shares in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from services.evaluator.backbones import Row, Score
from services.evaluator.items import Outcome
from services.evaluator.measurement import SIGNS
from services.evaluator.stats import (
    Correlation,
    Interval,
    Line,
    Prediction,
    Validation,
    coefficients,
    kendall,
    leave_one_family_out,
    line,
    pearson,
    percentiles,
    resampled_shares,
    spearman,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_BACKBONES = 4
"""With three, Fisher's interval of any correlation is [-1, 1]."""
_ITEM_RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Regret:
    """What it costs in y to take the backbone that is best in x."""

    chosen: str
    best: str
    lost: float
    """The best accuracy in y less the chosen backbone's."""
    lost_blindly: float
    """The same for a backbone taken at random, on average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """How column y goes with column x over the backbones that have both."""

    x: str
    y: str
    rows: tuple[Row, ...]
    pearson: Correlation
    spearman: Correlation
    over_items: Interval | None
    """Of Pearson's r, over items and backbones drawn with replacement; None without each item's outcome.

    Drawing items adds their noise to what the accuracies have already, which pulls r towards 0: a cautious interval.
    """
    kendall: float
    line: Line
    validation: Validation | None
    """Each backbone predicted without its family; None where too few would be left."""
    regret: Regret

    def predict(self, accuracy: float) -> Prediction:
        """Returns what an unseen backbone of such an accuracy in x is predicted to have in y, within [0, 1]."""
        predicted = self.line.predict(accuracy)
        low, high = (_within(end) for end in (predicted.interval.low, predicted.interval.high))
        return Prediction(value=_within(predicted.value), interval=Interval(low=low, high=high))

    @property
    def sentence(self) -> str:
        """The relation in words, with what there is to doubt about it."""
        sure = self.pearson.fisher
        luck = ", which luck alone could give" if 0 in sure else ""
        text = (
            f"Over {len(self.rows)} backbones, {self.x} and {self.y} correlate at r = {self.pearson.r:.2f} "
            f"[{sure.low:.2f}, {sure.high:.2f}]{luck}; the best in {self.x}, {self.regret.chosen}, is "
            f"{100 * self.regret.lost:.1f} points from the best in {self.y}."
        )
        if self.validation is None:
            return f"{text} No family can be left out to test a prediction: too few backbones would be left."
        line_error, mean_error = 100 * self.validation.rmse, 100 * self.validation.rmse_of_mean
        use = "against" if line_error < mean_error else "which is no better than"
        return (
            f"{text} A backbone of a family not seen is predicted with an error of {line_error:.1f} points, "
            f"{use} {mean_error:.1f} without knowing {self.x}."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Unrelated:
    """Two columns about which nothing can be said."""

    x: str
    y: str
    rows: tuple[Row, ...]
    reason: str

    @property
    def sentence(self) -> str:
        """Why nothing can be said, in words."""
        return f"{self.x} and {self.y} cannot be related: {self.reason}."


def relate(rows: Sequence[Row], x: str, y: str, seed: int = 0) -> Relation | Unrelated:
    """Returns how two columns go together over the rows that have both, or why that cannot be said."""
    shared = tuple(row for row in rows if x in row.scores and y in row.scores)
    xs, ys = [row.scores[x].accuracy for row in shared], [row.scores[y].accuracy for row in shared]
    if len(shared) < MIN_BACKBONES:
        have = "none has" if not shared else f"{len(shared)} has" if len(shared) == 1 else f"{len(shared)} have"
        reason = f"that needs {MIN_BACKBONES} backbones with results in both, and {have} them"
        return Unrelated(x=x, y=y, rows=shared, reason=reason)
    for column, values in ((x, xs), (y, ys)):
        if len(set(values)) < 2:
            return Unrelated(x=x, y=y, rows=shared, reason=f"all backbones have the same accuracy in {column}")
    return Relation(
        x=x,
        y=y,
        rows=shared,
        pearson=pearson(xs, ys, seed),
        spearman=spearman(xs, ys, seed),
        over_items=_over_items([row.scores[x] for row in shared], [row.scores[y] for row in shared], seed),
        kendall=kendall(xs, ys),
        line=line(xs, ys),
        validation=leave_one_family_out(xs, ys, [row.family for row in shared]),
        regret=_regret(shared, xs, ys),
    )


def relate_all(rows: Sequence[Row], columns: Sequence[str] = (), seed: int = 0) -> tuple[Relation | Unrelated, ...]:
    """Returns the relation of each two columns, the first of each pair being x; without `columns`, of all there are."""
    chosen = columns or tuple(dict.fromkeys(column for row in rows for column in row.scores))
    return tuple(relate(rows, x, y, seed) for x, y in combinations(chosen, 2))


def _regret(rows: Sequence[Row], xs: Sequence[float], ys: Sequence[float]) -> Regret:
    chosen, best = (max(range(len(rows)), key=values.__getitem__) for values in (xs, ys))
    return Regret(
        chosen=rows[chosen].backbone,
        best=rows[best].backbone,
        lost=ys[best] - ys[chosen],
        lost_blindly=ys[best] - sum(ys) / len(ys),
    )


def _over_items(xs: Sequence[Score], ys: Sequence[Score], seed: int) -> Interval | None:
    import numpy as np

    if not all(score.outcomes for score in (*xs, *ys)):
        return None
    x_items, y_items = _correct(xs), _correct(ys)
    if xs[0].items == ys[0].items:
        both = resampled_shares(np.concatenate([x_items, y_items], axis=1), seed, _ITEM_RESAMPLES)
        x_shares, y_shares = both[:, : len(xs)], both[:, len(xs) :]
    else:
        x_shares, y_shares = (
            resampled_shares(items, seed + place, _ITEM_RESAMPLES) for place, items in enumerate((x_items, y_items))
        )
    drawn = np.random.default_rng(seed).integers(len(xs), size=x_shares.shape)
    x_drawn, y_drawn = (np.take_along_axis(shares, drawn, axis=1) for shares in (x_shares, y_shares))
    return percentiles(coefficients("pearson", x_drawn, y_drawn))


def _correct(scores: Sequence[Score]) -> "NDArray[np.bool_]":
    """Returns which items each run got right, of shape `(items, runs)`; items whose answer is withheld are left out."""
    import numpy as np

    outcomes = np.stack([np.frombuffer(score.outcomes.encode(), dtype=np.uint8) for score in scores], axis=1)
    return outcomes[outcomes[:, 0] != ord(SIGNS[None])] == ord(SIGNS[Outcome.CORRECT])


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
