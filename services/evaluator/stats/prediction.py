"""A line through points, what it predicts for a point it has not seen, and how well it does where that is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from earwitness.errors import InvalidInput
from services.evaluator.stats.intervals import Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """A predicted value, and the 95 % interval in which one new observation falls."""

    value: float
    interval: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A least-squares line y = intercept + slope x through `n` points."""

    intercept: float
    slope: float
    n: int
    residual_sd: float
    """Of the points around the line, with n - 2 degrees of freedom."""
    x_mean: float
    x_spread: float
    """The sum of the squared deviations of x from its mean."""

    def at(self, x: float) -> float:
        """Returns the line's height at x."""
        return self.intercept + self.slope * x

    def predict(self, x: float) -> Prediction:
        """Returns what one new point at x is predicted to have, with its interval by Student's t.

        The interval knows of the scatter around the line and of the line's own uncertainty, which grows away from the
        mean of x (N. R. Draper and H. Smith, Applied Regression Analysis, 3rd ed., section 3.2).
        """
        from scipy.special import stdtrit

        reach = sqrt(1 + 1 / self.n + (x - self.x_mean) ** 2 / self.x_spread) * self.residual_sd
        reach *= float(stdtrit(self.n - 2, 0.975))
        return Prediction(value=self.at(x), interval=Interval(low=self.at(x) - reach, high=self.at(x) + reach))


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A point, as the line through the other families' points predicts it."""

    index: int
    """Its place in the sequences given."""
    family: str
    actual: float
    predicted: Prediction
    mean: float
    """The mean of the other families' points: what one would say without knowing x."""

    @property
    def error(self) -> float:
        """By how much the prediction is too high."""
        return self.predicted.value - self.actual


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """How well points are predicted from families other than their own."""

    points: tuple[LeftOut, ...]

    @property
    def rmse(self) -> float:
        """The root mean square of the line's errors."""
        return sqrt(sum(point.error**2 for point in self.points) / len(self.points))

    @property
    def rmse_of_mean(self) -> float:
        """The same if the mean of the other families is said each time. A line with a larger error is of no use."""
        return sqrt(sum((point.mean - point.actual) ** 2 for point in self.points) / len(self.points))

    @property
    def covered(self) -> int:
        """How many points lie within their prediction intervals."""
        return sum(point.actual in point.predicted.interval for point in self.points)


def line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Returns the least-squares line; raises `InvalidInput` for fewer than 3 points, or if x is constant."""
    if len(xs) != len(ys):
        raise InvalidInput(f"{len(xs)} values against {len(ys)}", "ys", "give pairs")
    if len(xs) < 3 or len(set(xs)) < 2:
        raise InvalidInput("a line with an error needs three points that differ in x", "xs", "add backbones")
    n = len(xs)
    x_mean, y_mean = sum(xs) / n, sum(ys) / n
    x_spread = sum((x - x_mean) ** 2 for x in xs)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / x_spread
    intercept = y_mean - slope * x_mean
    squares = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    return Line(
        intercept=intercept,
        slope=slope,
        n=n,
        residual_sd=sqrt(squares / (n - 2)),
        x_mean=x_mean,
        x_spread=x_spread,
    )


def leave_one_family_out(xs: Sequence[float], ys: Sequence[float], families: Sequence[str]) -> Validation | None:
    """Returns each point as predicted without its family, whose members would give it away; None if none can be.

    A family without which there is no line (see `line`) is passed over.
    """
    points = [
        left_out
        for family in dict.fromkeys(families)
        for left_out in _predicted_without(family, list(zip(xs, ys, families, strict=True)))
    ]
    return Validation(points=tuple(sorted(points, key=lambda point: point.index))) if points else None


def _predicted_without(family: str, points: list[tuple[float, float, str]]) -> list[LeftOut]:
    xs = [x for x, _, other in points if other != family]
    ys = [y for _, y, other in points if other != family]
    if len(xs) < 3 or len(set(xs)) < 2:
        return []
    fitted, mean = line(xs, ys), sum(ys) / len(ys)
    return [
        LeftOut(index=index, family=family, actual=y, predicted=fitted.predict(x), mean=mean)
        for index, (x, y, own) in enumerate(points)
        if own == family
    ]
