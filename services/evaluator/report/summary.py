"""What there is to say about an experiment: its grid of results, its findings, paired comparisons, an audit.

Both renderings take their words and numbers from here, so that page and terminal never differ.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, count

from services.evaluator.items import SETTINGS, Outcome, Setting
from services.evaluator.result import Experiment, RunResult
from services.evaluator.scoring import Tally
from services.evaluator.stats import Interval, Paired, holm, mcnemar, wilson

VERBS: dict[Setting, str] = {"text": "knows", "cascade": "is told", "audio": "hears"}
"""What each setting measures of a backbone."""
_WAYS: dict[Setting, str] = {
    "text": "Asked in text alone",
    "cascade": "Told in words what a captioner heard",
    "audio": "Given ears of its own",
}


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PERCENT = "\N{NO-BREAK SPACE}%"
_CLAIMS = {
    "above chance": "above what a guess would get",
    "near chance": "not to be told from guessing",
    "below chance": "below what a guess would get",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """What the results of one column of the overview have in common."""

    setting: Setting
    benchmark: str
    variant: str = ""
    """Tells apart what would otherwise be the same column: the captioner, the checkpoint, the prompt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """The results by backbone and column."""

    backbones: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: dict[tuple[str, Column], RunResult]

    def row(self, backbone: str) -> list[RunResult | None]:
        """The results of one backbone, None where it was not run."""
        return [self.cells.get((backbone, column)) for column in self.columns]

    def column(self, column: Column) -> list[tuple[str, RunResult]]:
        """The backbones with a result in one column, and it."""
        return [(name, self.cells[name, column]) for name in self.backbones if (name, column) in self.cells]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two runs over the same items."""

    benchmark: str
    first: str
    second: str
    paired: Paired
    n: int
    adjusted_p: float
    """Holm's, over all comparisons of the report."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """How the answers of a run were read, and where that can be doubted."""

    read_by: dict[str, int]
    """How many choices each extractor decided."""
    disagreeing: int
    """Answers in which two extractors chose different options."""
    ours_alone: int
    """Answers that are correct here and not by the official string match."""
    official_alone: int
    """The reverse."""


def grid(experiment: Experiment) -> Grid:
    """Returns the results by backbone (in order of first appearance) and column (text, then cascade, then audio)."""
    cells: dict[tuple[str, Column], RunResult] = {}
    results = sorted(experiment.results, key=lambda result: SETTINGS.index(result.setting))
    captioners = {(r.benchmark, r.captioner) for r in results if r.setting == "cascade"}
    several = len(captioners) > len({benchmark for benchmark, _ in captioners})
    for result in results:
        name = backbone_label(experiment, result)
        variant = result.captioner if several and result.setting == "cascade" else ""
        more = result.checkpoint or result.prompt
        names = chain((variant, more), (f"{more} ({number})" for number in count(2)))
        columns = (Column(setting=result.setting, benchmark=result.benchmark, variant=text) for text in names)
        column = next(column for column in columns if (name, column) not in cells)
        cells[name, column] = result
    backbones = dict.fromkeys(backbone_label(experiment, result) for result in experiment.results)
    ordered = sorted(dict.fromkeys(column for _, column in cells), key=lambda column: SETTINGS.index(column.setting))
    return Grid(backbones=tuple(backbones), columns=tuple(ordered), cells=cells)


def backbone_label(experiment: Experiment, result: RunResult) -> str:
    """Returns the backbone's name, with the beginning of its fingerprint where one name stands for two backbones."""
    namesakes = {other.fingerprint for other in experiment.results if other.backbone == result.backbone}
    return result.backbone if len(namesakes) == 1 else f"{result.backbone} {result.fingerprint[:8]}"


def title(table: Grid) -> str:
    """Returns the headline: what was measured, of whom."""
    verbs = [VERBS[setting] for setting in settings(table)]
    if len(table.backbones) == 1:
        return f"What {table.backbones[0]} {_listing(verbs)} of sound"
    plural = {"knows": "know", "is told": "are told", "hears": "hear"}
    number = _NUMBERS[len(table.backbones)] if len(table.backbones) < len(_NUMBERS) else len(table.backbones)
    return f"What {number} language models {_listing([plural[verb] for verb in verbs])} of sound"


def findings(table: Grid) -> Iterator[tuple[Setting, str]]:
    """Yields for each setting what its benchmarks gave, with intervals, and what a guess would give."""
    for setting in settings(table):
        said = [_finding(table, column) for column in table.columns if column.setting == setting]
        yield setting, f"{_WAYS[setting]}, {' '.join(said)}"


def verdict(total: Tally, chance: float | None) -> str:
    """Returns how an accuracy stands to guessing: near chance is what has chance within its interval."""
    if chance is None or not total.n:
        return "not scored"
    interval = wilson(total.correct, total.n)
    if interval.low > chance:
        return "above chance"
    return "below chance" if interval.high < chance else "near chance"


def widest(table: Grid) -> tuple[RunResult, Interval] | None:
    """Returns the scored result with the widest interval, and it; None if nothing was scored."""
    scored = [
        (result, wilson(result.total.correct, result.total.n)) for result in table.cells.values() if result.total.n
    ]
    return max(scored, key=lambda pair: pair[1].high - pair[1].low, default=None)


def comparisons(experiment: Experiment) -> list[Comparison]:
    """Returns McNemar's test for each two runs over the same items that differ in the backbone or else in the setting.

    The most telling come first. An item that was not read counts as not correct.
    """
    pairs = [
        (first, second)
        for first, second in combinations(experiment.results, 2)
        if first.benchmark_sha256 == second.benchmark_sha256
        and first.total.n
        and (first.setting == second.setting or first.backbone == second.backbone)
    ]
    tests = [mcnemar(_correct(first), _correct(second)) for first, second in pairs]
    adjusted = holm([test.p for test in tests])
    compared = [
        Comparison(
            benchmark=first.benchmark,
            first=_run_label(experiment, first),
            second=_run_label(experiment, second),
            paired=test,
            n=first.total.n,
            adjusted_p=p,
        )
        for (first, second), test, p in zip(pairs, tests, adjusted, strict=True)
    ]
    return sorted(compared, key=lambda each: each.paired.p)


def audit(result: RunResult) -> Audit:
    """Returns how the answers of a run were read."""
    scores = [item.score for item in result.items]
    read_by = Counter(score.extractor for score in scores if score.choice is not None)
    return Audit(
        read_by=dict(read_by),
        disagreeing=sum(len(set(score.votes.values())) > 1 for score in scores),
        ours_alone=sum(score.outcome == Outcome.CORRECT and not score.official for score in scores),
        official_alone=sum(score.official and score.outcome != Outcome.CORRECT for score in scores),
    )


def percent(value: float | None, digits: int = 1) -> str:
    """Returns a share as a number of percent without the sign; a dash if there is none."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f}"


def bracket(interval: Interval) -> str:
    """Returns an interval in whole percent: "[26, 43]"."""
    return f"[{percent(interval.low, 0)}, {percent(interval.high, 0)}]"


def settings(table: Grid) -> list[Setting]:
    """Returns the settings that were run, in the order of the experiment."""
    return [setting for setting in SETTINGS if any(column.setting == setting for column in table.columns)]


def _finding(table: Grid, column: Column) -> str:
    scored = [(name, result) for name, result in table.column(column) if result.total.n]
    where = f"{column.benchmark} ({column.variant})" if column.variant else column.benchmark
    if not scored:
        return f"{where} was answered but not scored, since its answers are withheld."
    name, best = max(scored, key=lambda pair: pair[1].total.accuracy)
    total = best.total
    interval = wilson(total.correct, total.n)
    text = (
        f"{name} is right on {total.correct} of {total.n} questions of {where}: {percent(total.accuracy)}{_PERCENT} "
        f"{bracket(interval)}, {_CLAIMS[verdict(total, best.chance)]} ({percent(best.chance)}{_PERCENT})."
    )
    if len(scored) == 1:
        return text
    lowest = min(result.total.accuracy for _, result in scored)
    return f"{text[:-1]}; best of {len(scored)}, the last gets {percent(lowest)}{_PERCENT}."


def _correct(result: RunResult) -> list[bool]:
    return [item.score.outcome == Outcome.CORRECT for item in result.items if item.score.outcome is not None]


def _run_label(experiment: Experiment, result: RunResult) -> str:
    name = f"{backbone_label(experiment, result)} {VERBS[result.setting]}"
    variants = {other.captioner for other in experiment.results if other.setting == "cascade"}
    return f"{name} ({result.captioner})" if result.setting == "cascade" and len(variants) > 1 else name


def _listing(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
