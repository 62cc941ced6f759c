"""Lines over steps: the losses of a training."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.evaluator.report import svg
from services.evaluator.report.svg import number, ticks
from services.evaluator.result import Experiment, Point

POINTS_SHOWN = 1000
_WIDTH, _LEFT, _RIGHT = 960, 46, 150
_TOP, _HEIGHT, _BOTTOM = 18, 230, 44
_BASE = _TOP + _HEIGHT
_APART = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A line through (x, y) points; a `sparse` one shows its points."""

    name: str
    points: Sequence[tuple[float, float]]
    sparse: bool = False


def losses(experiment: Experiment) -> Markup:
    """Returns the training's losses, "" where nothing was trained."""
    series = [
        Series(name=name, points=[(point.step, point.loss) for point in _thinned(points)], sparse=sparse)
        for name, points, sparse in (("training", experiment.curve, False), ("held out", experiment.held_out, True))
        if points
    ]
    if not series:
        return Markup("")
    ends = "; ".join(f"{each.name} from {each.points[0][1]:.2f} to {each.points[-1][1]:.2f}" for each in series)
    return lines(series, f"Loss in nats per token: {ends}.", "optimiser step", "nats per token")


def lines(series: Sequence[Series], description: str, x_name: str, y_name: str, name: str = "Loss") -> Markup:
    """Returns the series as lines, each labelled at its end; `name` is what the drawing is called."""
    points = [point for each in series for point in each.points]
    x_ticks = ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = ticks(min(y for _, y in points), max(y for _, y in points))
    span_x, span_y = (x_ticks[-1] - x_ticks[0]) or 1, (y_ticks[-1] - y_ticks[0]) or 1

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = _LEFT + (point[0] - x_ticks[0]) / span_x * (_WIDTH - _LEFT - _RIGHT)
        return x, _BASE - (point[1] - y_ticks[0]) / span_y * _HEIGHT

    parts: list[Markup] = []
    for value in y_ticks:
        y = place((x_ticks[0], value))[1]
        parts.append(svg.line("grid", _LEFT, _WIDTH - _RIGHT, y, y))
        parts.append(svg.text("tick end", _LEFT - 8, y + 4, f"{value:,g}"))
    for value in x_ticks:
        parts.append(svg.text("tick mid", place((value, y_ticks[0]))[0], _BASE + 18, f"{value:g}"))
    parts.append(svg.text("tick mid", (_LEFT + _WIDTH - _RIGHT) / 2, _BASE + 36, x_name))
    parts.append(svg.text("tick", _LEFT, _TOP - 6, y_name))
    labelled: list[float] = []
    for at, each in enumerate(series):
        placed = [place(point) for point in each.points]
        if placed:
            parts.append(_curve(each, at, placed, labelled))
    return svg.drawing(parts, _WIDTH, _BASE + _BOTTOM, name, description)


def _curve(series: Series, at: int, placed: Sequence[tuple[float, float]], labelled: list[float]) -> Markup:
    parts = [svg.path("polyline", f"curve c{at}", placed)]
    if series.sparse:
        dot = Markup('<circle class="dot c{}" cx="{}" cy="{}" r="3.5"/>')
        parts.extend(dot.format(at, number(x), number(y)) for x, y in placed)
    end_x, end_y = placed[-1]
    while any(abs(end_y - taken) < _APART for taken in labelled):
        end_y -= 4
    labelled.append(end_y)
    parts.append(svg.text(f"name c{at}", end_x + 10, end_y + 4, f"{series.name} {_written(series.points[-1][1])}"))
    return svg.joined(parts)


def _written(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Returns at most about `POINTS_SHOWN` of the points, evenly taken, the last among them."""
    stride = -(-len(points) // POINTS_SHOWN)
    return [*points[:-1:stride], points[-1]]
