"""Scatters of one accuracy against another, one point for each backbone, with a name or a key at each point.

Where a line was fitted it is drawn with the band in which one more backbone would fall (95 %). Names are put where
they are in nobody's way, as far as there is such a place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.evaluator.report import svg
from services.evaluator.report.svg import number, ticks
from services.evaluator.stats import Line

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 14, 14, 46
_STEPS = 24
"""Of the band's edges."""
_EM = 7.0
"""The mean width of a character of a name, at 11.5 px."""
_PAD = 0.08
Box = tuple[float, float, float, float]
Place = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """One backbone; shares in [0, 1]."""

    name: str
    """Written at the point."""
    title: str
    """Said of it in full."""
    x: float
    y: float
    is_own: bool = False
    """Drawn as a filled diamond rather than as a ring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Where shares lie on the drawing."""

    width: float
    height: float
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]

    def x(self, share: float) -> float:
        """Returns where a share lies, from the left."""
        first, last = self.x_ticks[0], self.x_ticks[-1]
        return _LEFT + (100 * share - first) / (last - first) * (self.width - _LEFT - _RIGHT)

    def y(self, share: float) -> float:
        """Returns where a share lies, from the top."""
        first, last = self.y_ticks[0], self.y_ticks[-1]
        return self.bottom - (100 * share - first) / (last - first) * (self.bottom - _TOP)

    @property
    def bottom(self) -> float:
        """Where the horizontal axis lies."""
        return self.height - _BOTTOM

    def held(self, y: float) -> float:
        """Returns a height, moved to the frame's edge if it is outside."""
        return min(self.bottom, max(float(_TOP), y))


def scatter(
    spots: Sequence[Spot],
    x_name: str,
    y_name: str,
    description: str,
    line: Line | None = None,
    size: tuple[float, float] = (320, 300),
) -> Markup:
    """Returns the drawing; `size` is its width and height."""
    frame = Frame(
        width=size[0],
        height=size[1],
        x_ticks=_spanning([100 * spot.x for spot in spots]),
        y_ticks=_spanning([100 * spot.y for spot in spots]),
    )
    parts = [_axes(frame, x_name, y_name)]
    if line:
        parts.append(_fit(frame, line))
    dots = [(frame.x(spot.x), frame.y(spot.y)) for spot in spots]
    parts += [_dot(spot, *dot) for spot, dot in zip(spots, dots, strict=True)]
    parts += _names(frame, spots, dots)
    return svg.drawing(parts, frame.width, frame.height, f"{y_name} against {x_name}", description)


def _spanning(values: Sequence[float]) -> list[float]:
    """Returns ticks around values in percent, a little air included, within 0 and 100."""
    low, high = min(values), max(values)
    air = max(2.0, (high - low) * _PAD)
    return ticks(max(0.0, low - air), min(100.0, high + air), 4)


def _axes(frame: Frame, x_name: str, y_name: str) -> Markup:
    right = frame.width - _RIGHT
    parts: list[Markup] = []
    for value in frame.y_ticks:
        y = frame.y(value / 100)
        parts.append(svg.line("grid", _LEFT, right, y, y))
        parts.append(svg.text("tick end", _LEFT - 7, y + 4, f"{value:g}"))
    for value in frame.x_ticks:
        x = frame.x(value / 100)
        parts.append(svg.line("grid", x, x, _TOP, frame.bottom))
        parts.append(svg.text("tick mid", x, frame.bottom + 17, f"{value:g}"))
    parts.append(svg.line("axis", _LEFT, right, frame.bottom, frame.bottom))
    parts.append(svg.line("axis", _LEFT, _LEFT, _TOP, frame.bottom))
    parts.append(svg.text("name mid", (_LEFT + right) / 2, frame.bottom + 37, x_name))
    turned = Markup('<text class="name mid" transform="translate(10 {}) rotate(-90)">{}</text>')
    return svg.joined([*parts, turned.format(number((_TOP + frame.bottom) / 2), y_name)])


def _fit(frame: Frame, line: Line) -> Markup:
    """Returns the line with its band, both cut at the frame."""
    first, last = frame.x_ticks[0] / 100, frame.x_ticks[-1] / 100
    xs = [first + (last - first) * step / _STEPS for step in range(_STEPS + 1)]
    sure = [line.predict(x).interval for x in xs]
    upper = [(frame.x(x), frame.held(frame.y(each.high))) for x, each in zip(xs, sure, strict=True)]
    lower = [(frame.x(x), frame.held(frame.y(each.low))) for x, each in zip(xs, sure, strict=True)]
    inside = [x for x in (first + (last - first) * step / 200 for step in range(201)) if _within(frame, line.at(x))]
    drawn = svg.path("polygon", "band", upper + lower[::-1])
    if len(inside) < 2:
        return drawn
    ends = inside[0], inside[-1]
    return drawn + svg.path("polyline", "fit", [(frame.x(x), frame.y(line.at(x))) for x in ends])


def _within(frame: Frame, share: float) -> bool:
    return frame.y_ticks[0] <= 100 * share <= frame.y_ticks[-1]


def _dot(spot: Spot, x: float, y: float) -> Markup:
    words = f"{spot.title}: {100 * spot.x:.1f}, {100 * spot.y:.1f}"
    if spot.is_own:
        shape = '<g><title>{}</title><path class="own" d="M{} {}l6 6l-6 6l-6 -6z"/></g>'
        return Markup(shape).format(words, number(x), number(y - 6))
    return Markup('<g><title>{}</title><circle class="spot" cx="{}" cy="{}" r="4"/></g>').format(
        words, number(x), number(y)
    )


def _names(frame: Frame, spots: Sequence[Spot], dots: Sequence[Place]) -> list[Markup]:
    """Returns the names, each at the side of its point where it covers the least of points and other names."""
    taken: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in dots]
    parts: list[Markup] = []
    for spot, (x, y) in sorted(zip(spots, dots, strict=True), key=lambda pair: (not pair[0].is_own, pair[1][1])):
        wide = len(spot.name) * _EM
        far = [
            (kind, x + side * reach, y + 4 + rise)
            for rise in (-22, 22, -36, 36, -50, 50)
            for reach in (14, 34)
            for kind, side in (("", 1), ("end", -1))
        ]
        places: list[tuple[str, float, float]] = [
            ("", x + 8, y + 4),
            ("end", x - 8, y + 4),
            ("mid", x, y - 8),
            ("mid", x, y + 17),
            ("", x + 6, y - 6),
            ("end", x - 6, y - 6),
            ("", x + 6, y + 14),
            ("end", x - 6, y + 14),
            *far,
        ]
        boxes = [_box(kind, at_x, at_y, wide) for kind, at_x, at_y in places]
        best = min(range(len(places)), key=lambda place: (round(_covered(boxes[place], taken, frame)), place))
        taken.append(boxes[best])
        kind, at_x, at_y = places[best]
        if best >= len(places) - len(far):
            parts.append(svg.line("leader", x, at_x + (2 if kind else -2), y, at_y - 4))
        parts.append(svg.text(f"point {'own-name ' if spot.is_own else ''}{kind}".strip(), at_x, at_y, spot.name))
    return parts


def _box(kind: str, x: float, y: float, wide: float) -> Box:
    left = x - wide if kind == "end" else x - wide / 2 if kind == "mid" else x
    return left, y - 10, left + wide, y + 3


def _covered(box: Box, taken: Sequence[Box], frame: Frame) -> float:
    """Returns how much a name would cover; outside the frame counts most."""
    left, top, right, bottom = box
    outside = max(0.0, _LEFT - left) + max(0.0, right - frame.width + 2) + max(0.0, _TOP - 10 - top)
    outside += max(0.0, bottom - frame.bottom)
    shared = sum(
        max(0.0, min(right, other[2]) - max(left, other[0])) * max(0.0, min(bottom, other[3]) - max(top, other[1]))
        for other in taken
    )
    return shared + 100 * outside
