"""The report's first figure: accuracies with their intervals, side by side on one scale, setting by setting."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.evaluator.report import svg
from services.evaluator.report.svg import number
from services.evaluator.stats import Interval

WIDTH = 960
_LEFT, _RIGHT = 46, 24
_TOP, _HEIGHT, _BOTTOM = 64, 250, 58
_BASE = _TOP + _HEIGHT


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


def bars(bands: Sequence[Band], description: str) -> Markup:
    """Returns the drawing, on a scale from 0 to 100 %."""
    parts = [_axis()]
    slots = sum(len(cluster.bars) + 1 for band in bands for cluster in band.clusters)
    step = (WIDTH - _LEFT - _RIGHT) / max(1, slots)
    x = float(_LEFT)
    for place, band in enumerate(bands):
        wide = step * sum(len(cluster.bars) + 1 for cluster in band.clusters)
        parts.append(_band_head(band, x, wide, last=place == len(bands) - 1))
        if place:
            parts.append(svg.line("rule", x, x, 10, _BASE + 46))
        for cluster in band.clusters:
            parts.append(_cluster(cluster, x, step))
            x += step * (len(cluster.bars) + 1)
    return svg.drawing(parts, WIDTH, _BASE + _BOTTOM, "Accuracy by setting", description)


def _axis() -> Markup:
    parts = [svg.text("tick", 4, _TOP - 10, "%")]
    for value in (0, 25, 50, 75, 100):
        y = _BASE - _HEIGHT * value / 100
        parts.append(svg.line("axis" if value == 0 else "grid", _LEFT, WIDTH - _RIGHT, y, y))
        parts.append(svg.text("tick end", _LEFT - 8, y + 4, str(value)))
    return svg.joined(parts)


def _band_head(band: Band, x: float, wide: float, *, last: bool) -> Markup:
    head = svg.text("band", x + 12, 24, band.name) + svg.text("note", x + 12, 42, band.note)
    if last:
        return head
    return head + Markup('<path class="arrow" d="M{0} 19h22m-6 -5l6 5l-6 5"/>').format(number(x + wide - 36))


def _cluster(cluster: Cluster, x: float, step: float) -> Markup:
    start, wide = x + step / 2, step * len(cluster.bars)
    parts: list[Markup] = []
    if cluster.chance is not None:
        y = _BASE - _HEIGHT * cluster.chance
        end = start + wide - step * 0.04
        parts.append(svg.line("chance", start + step * 0.04, end, y, y))
        if step >= 80:
            parts.append(svg.text("chance-name", end + 4, y - 3, "chance"))
        if step >= 40:
            parts.append(svg.text("chance-name", end + 4, y + (11 if step >= 80 else 4), f"{100 * cluster.chance:.0f}"))
    for place, bar in enumerate(cluster.bars):
        parts.append(_bar(bar, start + step * (place + 0.5), min(step * 0.62, 64), roomy=step >= 40))
    parts.append(svg.text("name mid", start + wide / 2, _BASE + 34, cluster.name))
    parts.append(svg.text("note mid", start + wide / 2, _BASE + 50, cluster.note))
    return svg.joined(parts)


def _bar(bar: Bar, centre: float, wide: float, *, roomy: bool) -> Markup:
    top = _BASE - _HEIGHT * bar.value
    high, low = _BASE - _HEIGHT * bar.interval.high, _BASE - _HEIGHT * bar.interval.low
    cap = min(6.0, wide / 4)
    ends = f"{100 * bar.interval.low:.0f} to {100 * bar.interval.high:.0f}"
    summary = f"{bar.name}: {100 * bar.value:.1f} %, 95 % interval {ends}"
    drawn = Markup('<g><title>{}</title><rect class="bar t{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        summary, bar.tint, number(centre - wide / 2), number(top), number(wide), number(_BASE - top)
    )
    drawn += Markup('<path class="whisker" d="M{0} {1}V{2}M{3} {1}h{4}M{3} {2}h{4}"/></g>').format(
        number(centre), number(low), number(high), number(centre - cap), number(2 * cap)
    )
    if roomy:
        drawn += svg.text("value mid", centre, high - 7, f"{100 * bar.value:.1f}")
    return drawn + (svg.text("key mid", centre, _BASE + 16, bar.key) if bar.key else Markup(""))
