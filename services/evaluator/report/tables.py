"""The report's tables of accuracies, cell by cell: the overview, a benchmark's groups, its hardest ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.evaluator.items import Setting
from services.evaluator.report.grid import Column, Grid, Run, Section
from services.evaluator.report.ranks import Rank, ranks
from services.evaluator.result import RunResult
from services.evaluator.scoring import UNLABELLED, Tally
from services.evaluator.stats import Interval, wilson

GROUPS_BESIDE = 9
"""A benchmark's first breakdown stands beside its totals if it has no more groups."""
RUNS_WITH_INTERVALS = 6
"""Runs side by side that leave a page the room for each number's interval."""
HARDEST = 5
ENOUGH = 10
"""Fewer items in a group say next to nothing: the interval of 5 right out of 9 spans 56 points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One accuracy."""

    tally: Tally
    chance: float | None
    rank: Rank | None
    """Among the other runs of its column; None if it was not scored."""

    @property
    def shade(self) -> str:
        """How dark it is, from 0.00 to 1.00: by rank or, where there is no other run, from chance to perfect."""
        if self.rank is not None and self.rank.of > 1:
            return self.rank.shade
        value = self.tally.accuracy
        if value != value or self.chance is None or self.chance >= 1:
            return "0.00"
        return f"{min(1.0, max(0.0, (value - self.chance) / (1 - self.chance))):.2f}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One run with its groups and its total."""

    run: Run
    groups: Sequence[Cell]
    total: Cell


@dataclass(frozen=True, kw_only=True, slots=True)
class Hard:
    """One of the hardest groups of a benchmark in a setting."""

    label: str
    n: int
    mean: float
    """Over the runs."""
    interval: Interval
    """Of the mean, as wide as over its items that of one run would be."""
    best: Run
    best_tally: Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardest:
    """The hardest groups of a benchmark in a setting, the hardest first."""

    benchmark: str
    setting: Setting
    key: str
    num_runs: int
    num_groups: int
    """Groups with enough items."""
    num_small: int
    """Groups with too few."""
    rows: Sequence[Hard]


def overview(table: Grid) -> list[tuple[str, list[Cell | None]]]:
    """Returns a row for each backbone, with a cell for each of the main columns."""
    rows = [table.row(name) for name in table.backbones]
    columns = [_column([_total(result) for result in column]) for column in zip(*rows, strict=True)]
    return [(name, [column[at] for column in columns]) for at, name in enumerate(table.backbones)]


def lead(section: Section) -> tuple[str, dict[str, Tally]]:
    """Returns the breakdown whose groups stand beside the totals, with its key: the first, if it has few enough."""
    key, groups = next(iter(section.first.breakdowns.items()), ("", dict[str, Tally]()))
    return (key, groups) if len(groups) <= GROUPS_BESIDE else ("", {})


def rest(section: Section) -> dict[str, dict[str, Tally]]:
    """Returns the breakdowns with a table of their own."""
    return {key: groups for key, groups in section.first.breakdowns.items() if key != lead(section)[0]}


def by_run(section: Section) -> list[tuple[Column, list[Row]]]:
    """Returns a row for each run of a benchmark, with the groups of its first breakdown.

    Runs that were asked alike stand together and are ranked among themselves, controls and further samples last.
    """
    key, labels = lead(section)
    columns = sorted(dict.fromkeys(run.column for run in section.runs), key=lambda column: column.is_side)
    found: list[tuple[Column, list[Row]]] = []
    for column in columns:
        runs = [run for run in section.runs if run.column == column]
        groups = [by_group(runs, key, label) for label in labels]
        totals = [cell for cell in _column([_total(run.result) for run in runs]) if cell]
        rows = [Row(run=run, groups=[group[at] for group in groups], total=totals[at]) for at, run in enumerate(runs)]
        found.append((column, rows))
    return found


def by_group(runs: Sequence[Run], key: str, label: str) -> list[Cell]:
    """Returns one group's cell for each run, ranked among the runs that were asked alike."""
    cells: dict[int, Cell] = {}
    for column in dict.fromkeys(run.column for run in runs):
        alike = [run for run in runs if run.column == column]
        tallies = [(run.result.breakdowns.get(key, {}).get(label, Tally()), run.result.chance) for run in alike]
        cells |= {id(run): cell for run, cell in zip(alike, _column(tallies), strict=True) if cell}
    return [cells[id(run)] for run in runs]


def hardest(section: Section) -> list[Hardest]:
    """Returns the hardest groups of the finest breakdown, for each setting; none where too few have enough items.

    To choose the lowest of many numbers is to choose some of their bad luck too: the intervals say how much there is.
    """
    settings = dict.fromkeys(run.column.setting for run in section.main)
    found = [_hardest([run for run in section.main if run.column.setting == setting]) for setting in settings]
    return [each for each in found if each]


def _hardest(runs: Sequence[Run]) -> Hardest | None:
    scored = [run for run in runs if run.result.total.n]
    breakdowns = scored[0].result.breakdowns if scored else {}
    key = max(breakdowns, key=lambda key: len(breakdowns[key]), default="")
    named = {label: tally for label, tally in breakdowns.get(key, {}).items() if label != UNLABELLED}
    enough = {label: tally.n for label, tally in named.items() if tally.n >= ENOUGH}
    if len(enough) <= HARDEST:
        return None
    rows: list[Hard] = []
    for label, n in enough.items():
        tallies = [(run, run.result.breakdowns[key][label]) for run in scored if label in run.result.breakdowns[key]]
        mean = sum(tally.accuracy for _, tally in tallies) / len(tallies)
        best, best_tally = max(tallies, key=lambda pair: pair[1].accuracy)
        rows.append(Hard(label=label, n=n, mean=mean, interval=_sure(mean, n), best=best, best_tally=best_tally))
    rows.sort(key=lambda row: row.mean)
    return Hardest(
        benchmark=scored[0].column.benchmark,
        setting=scored[0].column.setting,
        key=key,
        num_runs=len(scored),
        num_groups=len(enough),
        num_small=len(named) - len(enough),
        rows=rows[:HARDEST],
    )


def _sure(mean: float, n: int) -> Interval:
    """Returns Wilson's interval of a mean share over n items, between those of the whole numbers around it."""
    below = min(n - 1, int(mean * n))
    rest = mean * n - below
    lower, upper = wilson(below, n), wilson(below + 1, n)
    return Interval(low=lower.low + rest * (upper.low - lower.low), high=lower.high + rest * (upper.high - lower.high))


def _total(result: RunResult | None) -> tuple[Tally, float | None] | None:
    return (result.total, result.chance) if result else None


def _column(tallies: Sequence[tuple[Tally, float | None] | None]) -> list[Cell | None]:
    placed = ranks([pair[0].accuracy if pair else None for pair in tallies])
    return [
        Cell(tally=pair[0], chance=pair[1], rank=rank) if pair else None
        for pair, rank in zip(tallies, placed, strict=True)
    ]
