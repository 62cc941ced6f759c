"""Names and numbers in few characters, as the tables of a sweep show them."""

from rich.text import Text

from services.evaluator.cost import Cost

DAY_H = 24
NOTHING = "·"
UNKNOWN = "?"


def short(text: str, style: str = "") -> Text:
    """Returns a name for a table's column, which is cut where the other columns need the room."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def count(number: int) -> str:
    """Returns a count in at most five characters: "950", "9,500", "48.0k", "1.25M"."""
    if number < 10_000:
        return f"{number:,}"
    size, unit = next((size, unit) for size, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G")) if number / size < 999.5)
    return f"{number / size:#.3g}".rstrip(".") + unit


def span(seconds: float) -> str:
    """Returns a time as "0:42", "12:05", "3 h 20" or "2 d 4 h"."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    hours, minutes = divmod(minutes, 60)
    if hours < DAY_H:
        return f"{hours} h {minutes:02}"
    return f"{hours // DAY_H} d {hours % DAY_H} h"


def dollars(cost: Cost) -> str:
    """Returns "$0.0042", "$4.20", "$4,200", or a question mark where a price is missing."""
    if cost.usd is None:
        return UNKNOWN
    if 0 < cost.usd < 0.01:
        return f"${cost.usd:.1g}"
    return f"${cost.usd:,.2f}" if cost.usd < 1000 else f"${cost.usd:,.0f}"


def rate(items: int, seconds: float) -> str:
    """Returns items per second, a point where there are none."""
    if items <= 0 or seconds <= 0:
        return NOTHING
    per_s = items / seconds
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.1f}" if per_s >= 1 else f"{per_s:.2f}"
