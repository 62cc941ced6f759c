"""SVG as text: the few shapes that the report's drawings are made of.

Colours come from the page's style sheet by class, so that light, dark and print need no second drawing; what a
colour says, a label says too. All text is escaped. Lengths are in SVG user units, one pixel at full size.
"""

from collections.abc import Sequence
from math import ceil, floor, log10

from markupsafe import Markup, escape


def drawing(parts: Sequence[Markup], width: float, height: float, title: str, description: str) -> Markup:
    """Returns the parts as one drawing, described for those who do not see it."""
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><desc>{}</desc>')
    label = f"{title}. {description}"
    return head.format(number(width), number(height), label, description) + joined(parts) + Markup("</svg>")


def joined(parts: Sequence[Markup]) -> Markup:
    """Returns the parts, one after the other."""
    return Markup("").join(parts)


def line(kind: str, x1: float, x2: float, y1: float, y2: float) -> Markup:
    """Returns a straight line."""
    x_start, x_end, y_start, y_end = (number(value) for value in (x1, x2, y1, y2))
    template = '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>'
    return Markup(template).format(kind, x_start, x_end, y_start, y_end)


def text(kind: str, x: float, y: float, words: str) -> Markup:
    """Returns words, whose left end, middle or right end is at x, as their class says."""
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind, number(x), number(y), escape(words))


def path(element: str, kind: str, points: Sequence[tuple[float, float]]) -> Markup:
    """Returns a `polyline` or `polygon` through points."""
    placed = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return Markup('<{} class="{}" points="{}"/>').format(Markup(element), kind, placed)


def number(value: float) -> str:
    """Returns a length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Returns about `wanted` round values that span [low, high]."""
    if high <= low:
        high = low + 1
    rough = (high - low) / wanted
    magnitude = 10.0 ** floor(log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
