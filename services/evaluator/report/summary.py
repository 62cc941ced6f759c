"""What there is to say about an experiment in words: its title and its findings.

Both renderings take their words from here, so that page and terminal never differ.
"""

from collections.abc import Iterator

from services.evaluator.items import SETTINGS, Setting
from services.evaluator.report.grid import VERBS, Column, Grid, Run
from services.evaluator.report.words import bracket, interval, listing, share, verdict
from services.evaluator.stats import Interval

_WAYS: dict[Setting, str] = {
    "text": "Asked in text alone",
    "cascade": "Told in words what a captioner heard",
    "audio": "Given ears of its own",
}
WAYS: dict[Setting, str] = {"text": "in text", "cascade": "told in words", "audio": "by ear"}
"""Each setting, of what was hard in it."""
_PLURALS = {"knows": "know", "is told": "are told", "hears": "hear"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_CLAIMS = {
    "above chance": "above what a guess would get",
    "near chance": "not to be told from guessing",
    "below chance": "below what a guess would get",
}


def title(table: Grid) -> str:
    """Returns the headline: what was measured, of whom."""
    verbs = [VERBS[setting] for setting in settings(table)]
    if len(table.backbones) == 1:
        return f"What {table.backbones[0]} {listing(verbs)} of sound"
    number = _NUMBERS[len(table.backbones)] if len(table.backbones) < len(_NUMBERS) else len(table.backbones)
    return f"What {number} language models {listing([_PLURALS[verb] for verb in verbs])} of sound"


def findings(table: Grid) -> Iterator[tuple[Setting, str]]:
    """Yields for each setting what its benchmarks gave, with intervals, and what a guess would give."""
    for setting in settings(table):
        said = [_finding(table, column) for column in table.main if column.setting == setting]
        yield setting, f"{_WAYS[setting]}, {' '.join(said)}"


def widest(table: Grid) -> tuple[Run, Interval] | None:
    """Returns the scored run with the widest interval, and it; None if nothing was scored."""
    scored = [(run, interval(run.result.total)) for run in table.runs if run.result.total.n]
    return max(scored, key=lambda pair: pair[1].high - pair[1].low, default=None)


def settings(table: Grid) -> list[Setting]:
    """Returns the settings that were run, in the order of the experiment."""
    return [setting for setting in SETTINGS if any(column.setting == setting for column in table.main)]


def _finding(table: Grid, column: Column) -> str:
    scored = [(name, result) for name, result in table.column(column) if result.total.n]
    if not scored:
        return f"{column.where} was answered but not scored, since its answers are withheld."
    name, best = max(scored, key=lambda pair: pair[1].total.accuracy)
    total = best.total
    text = (
        f"{name} is right on {total.correct} of {total.n} questions of {column.where}: {share(total.accuracy)} "
        f"{bracket(interval(total))}, {_CLAIMS[verdict(total, best.chance)]} ({share(best.chance)})."
    )
    if len(scored) == 1:
        return text
    lowest = min(result.total.accuracy for _, result in scored)
    return f"{text[:-1]}; best of {len(scored)}, the last gets {share(lowest)}."
