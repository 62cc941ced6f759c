"""The two drawings of the report, as inline SVG: accuracies with their intervals, and losses over steps.

Colours come from the page's style sheet by class, so that light, dark and print need no second drawing; what a
colour says, a label says too. All text is escaped. Lengths are in SVG user units, one pixel at full size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from services.evaluator.stats import Interval

WIDTH = 960
_LEFT, _RIGHT = 46, 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One accuracy in [0, 1]."""

    key: str
    """A letter that stands for the backbone, "" if there is only one."""
    name: str
    value: float
    interval: Interval
    tint: int
    """Which of the accent's tints, from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The bars of one benchmark."""

    name: str
    note: str
    bars: Sequence[Bar]
    chance: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """The clusters of one setting."""

    name: str
    note: str
    clusters: Sequence[Cluster]


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A line through (x, y) points; a `sparse` one shows its points."""

    name: str
    points: Sequence[tuple[float, float]]
    sparse: bool = False


def bars(bands: Sequence[Band], description: str) -> Markup:
    """Returns the accuracies side by side on one scale from 0 to 100 %, setting by setting."""
    top, height, bottom = 64, 250, 58
    base = top + height
    parts = [_axis(base, height, top)]
    slots = sum(len(cluster.bars) + 1 for band in bands for cluster in band.clusters)
    step = (WIDTH - _LEFT - _RIGHT) / max(1, slots)
    x = float(_LEFT)
    for number, band in enumerate(bands):
        wide = step * sum(len(cluster.bars) + 1 for cluster in band.clusters)
        parts.append(_band_head(band, x, wide, last=number == len(bands) - 1))
        if number:
            parts.append(Markup('<line class="rule" x1="{0}" x2="{0}" y1="10" y2="{1}"/>').format(_f(x), base + 46))
        for cluster in band.clusters:
            parts.append(_cluster(cluster, x, step, base, height))
            x += step * (len(cluster.bars) + 1)
    return _svg(parts, base + bottom, "Accuracy by setting", description)


def lines(series: Sequence[Series], description: str, x_name: str, y_name: str) -> Markup:
    """Returns the series as lines, each labelled at its end."""
    top, height, bottom, right = 18, 230, 44, 150
    base = top + height
    points = [point for each in series for point in each.points]
    x_ticks = ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = ticks(min(y for _, y in points), max(y for _, y in points))
    span_x, span_y = (x_ticks[-1] - x_ticks[0]) or 1, (y_ticks[-1] - y_ticks[0]) or 1

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = _LEFT + (point[0] - x_ticks[0]) / span_x * (WIDTH - _LEFT - right)
        return x, base - (point[1] - y_ticks[0]) / span_y * height

    parts: list[Markup] = []
    for value in y_ticks:
        y = place((x_ticks[0], value))[1]
        parts.append(_line("grid", _LEFT, WIDTH - right, y, y))
        parts.append(_text("tick end", _LEFT - 8, y + 4, f"{value:g}"))
    for value in x_ticks:
        parts.append(_text("tick mid", place((value, y_ticks[0]))[0], base + 18, f"{value:g}"))
    parts.append(_text("tick mid", (_LEFT + WIDTH - right) / 2, base + 36, x_name))
    parts.append(_text("tick", _LEFT, top - 6, y_name))
    labelled: list[float] = []
    for number, each in enumerate(series):
        placed = [place(point) for point in each.points]
        if not placed:
            continue
        path = " ".join(f"{_f(x)},{_f(y)}" for x, y in placed)
        parts.append(Markup('<polyline class="curve c{}" points="{}"/>').format(number, path))
        if each.sparse:
            parts.extend(
                Markup('<circle class="dot c{}" cx="{}" cy="{}" r="3.5"/>').format(number, *map(_f, p)) for p in placed
            )
        end_x, end_y = placed[-1]
        label_y = end_y
        while any(abs(label_y - taken) < 16 for taken in labelled):
            label_y -= 4
        labelled.append(label_y)
        parts.append(_text(f"name c{number}", end_x + 10, label_y + 4, f"{each.name} {each.points[-1][1]:.2f}"))
    return _svg(parts, base + bottom, "Loss", description)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Returns about `wanted` round values that span [low, high]."""
    if high <= low:
        high = low + 1
    rough = (high - low) / wanted
    magnitude = 10.0 ** floor(log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _axis(base: float, height: float, top: float) -> Markup:
    parts = [_text("tick", 4, top - 10, "%")]
    for value in (0, 25, 50, 75, 100):
        y = base - height * value / 100
        parts.append(_line("axis" if value == 0 else "grid", _LEFT, WIDTH - _RIGHT, y, y))
        parts.append(_text("tick end", _LEFT - 8, y + 4, str(value)))
    return Markup("").join(parts)


def _band_head(band: Band, x: float, wide: float, *, last: bool) -> Markup:
    head = _text("band", x + 12, 24, band.name) + _text("note", x + 12, 42, band.note)
    if last:
        return head
    return head + Markup('<path class="arrow" d="M{0} 19h22m-6 -5l6 5l-6 5"/>').format(_f(x + wide - 36))


def _cluster(cluster: Cluster, x: float, step: float, base: float, height: float) -> Markup:
    start, wide = x + step / 2, step * len(cluster.bars)
    parts: list[Markup] = []
    if cluster.chance is not None:
        y = base - height * cluster.chance
        end = start + wide - step * 0.04
        parts.append(_line("chance", start + step * 0.04, end, y, y))
        if step >= 80:
            parts.append(_text("chance-name", end + 4, y - 3, "chance"))
        if step >= 40:
            parts.append(_text("chance-name", end + 4, y + (11 if step >= 80 else 4), f"{100 * cluster.chance:.0f}"))
    for number, bar in enumerate(cluster.bars):
        parts.append(_bar(bar, start + step * (number + 0.5), min(step * 0.62, 64), base, height, step >= 40))
    parts.append(_text("name mid", start + wide / 2, base + 34, cluster.name))
    parts.append(_text("note mid", start + wide / 2, base + 50, cluster.note))
    return Markup("").join(parts)


def _bar(bar: Bar, centre: float, wide: float, base: float, height: float, roomy: bool) -> Markup:
    top = base - height * bar.value
    high, low = base - height * bar.interval.high, base - height * bar.interval.low
    cap = min(6.0, wide / 4)
    ends = f"{100 * bar.interval.low:.0f} to {100 * bar.interval.high:.0f}"
    summary = f"{bar.name}: {100 * bar.value:.1f} %, 95 % interval {ends}"
    drawn = Markup('<g><title>{}</title><rect class="bar t{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        summary, bar.tint, _f(centre - wide / 2), _f(top), _f(wide), _f(base - top)
    )
    drawn += Markup('<path class="whisker" d="M{0} {1}V{2}M{3} {1}h{4}M{3} {2}h{4}"/></g>').format(
        _f(centre), _f(low), _f(high), _f(centre - cap), _f(2 * cap)
    )
    if roomy:
        drawn += _text("value mid", centre, high - 7, f"{100 * bar.value:.1f}")
    return drawn + (_text("key mid", centre, base + 16, bar.key) if bar.key else Markup(""))


def _svg(parts: Sequence[Markup], height: float, title: str, description: str) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><desc>{}</desc>')
    return (
        head.format(WIDTH, _f(height), f"{title}. {description}", description)
        + Markup("").join(parts)
        + Markup("</svg>")
    )


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    return Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(kind, _f(x1), _f(x2), _f(y1), _f(y2))


def _text(kind: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, _f(x), _f(y), escape(text))


def _f(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
