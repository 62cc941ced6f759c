"""How a report writes numbers, and what it says of them in few words."""

from services.evaluator.scoring import Tally
from services.evaluator.stats import Interval, wilson

MISSING = "–"
_PERCENT = "\N{NO-BREAK SPACE}%"


def percent(value: float | None, digits: int = 1) -> str:
    """Returns a share as a number of percent without the sign; a dash if there is none."""
    return MISSING if value is None or value != value else f"{100 * value:.{digits}f}"


def points(value: float) -> str:
    """Returns a difference of shares in points, with its sign: "+3.1", "−2.0", "0.0"."""
    written = f"{100 * value:+.1f}"
    return "0.0" if float(written) == 0 else written.replace("-", "\N{MINUS SIGN}")


def bracket(interval: Interval) -> str:
    """Returns an interval in whole percent: "[26, 43]"."""
    return f"[{percent(interval.low, 0)}, {percent(interval.high, 0)}]"


def span(interval: Interval) -> str:
    """Returns the interval of a difference in points: "[−2.1, +8.0]"."""
    return f"[{points(interval.low)}, {points(interval.high)}]"


def coefficient(value: float) -> str:
    """Returns a correlation as statisticians print it: ".82", "−.40", "1.00"."""
    written = f"{abs(value):.2f}"
    sign = "\N{MINUS SIGN}" if value < 0 and float(written) else ""
    return sign + (written if written.startswith("1") else written.removeprefix("0"))


def coefficients(interval: Interval) -> str:
    """Returns the interval of a correlation: "[.27, .97]"."""
    return f"[{coefficient(interval.low)}, {coefficient(interval.high)}]"


def p_value(p: float) -> str:
    """Returns a p-value to three decimals; those that would round to 0 as "< .001"."""
    return "< .001" if p < 0.0005 else f"{p:.3f}".removeprefix("0")


def interval(tally: Tally) -> Interval:
    """Returns the 95 % interval of an accuracy."""
    return wilson(tally.correct, tally.n)


def verdict(total: Tally, chance: float | None) -> str:
    """Returns how an accuracy stands to guessing: near chance is what has chance within its interval."""
    if chance is None or not total.n:
        return "not scored"
    sure = interval(total)
    if sure.low > chance:
        return "above chance"
    return "below chance" if sure.high < chance else "near chance"


def listing(parts: list[str]) -> str:
    """Returns the parts as a list in words: "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def many(count: int, noun: str) -> str:
    """Returns a count with its noun: "1 run", "1,200 runs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def share(value: float | None) -> str:
    """Returns a share with its sign, which does not break from it: "33.3 %"."""
    return percent(value) + _PERCENT
