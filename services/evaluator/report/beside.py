"""An experiment's runs beside the paper's: its tables with the runs in them, and what its lines say of the runs.

Only runs of the paper's own benchmarks have a place there, and only where they were asked as the paper asks: no
control, no further sample. That a file has the paper's items is for its owner to know; a different number of items is
said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.evaluator import published
from services.evaluator.relate import Relation, relate
from services.evaluator.report.grid import Grid, Run, grid
from services.evaluator.report.ranks import Rank, ranks
from services.evaluator.report.words import interval
from services.evaluator.result import Experiment
from services.evaluator.scoring import Tally
from services.evaluator.stats import Interval, Prediction

AVERAGE = "Avg."
TITLES = {
    ("AKB",): "What the backbones know in text: AKB-2000",
    ("MMAU_T", "MMAR_T"): "What they make of Gemini’s captions: MMAU and MMAR",
    ("MMAU_A", "MMAR_A"): "What they make of sound, once given ears: MMAU and MMAR",
}
"""The paper's three tables, by the columns in each."""
TOLD, HEARD = ("MMAU_T", "MMAR_T"), ("MMAU_A", "MMAR_A")


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What stands in one column of numbers."""

    column: str
    group: str
    """`AVERAGE` for all items."""
    n: int
    """Items, in the paper."""
    digits: int
    """Decimals that the paper prints."""
    is_first: bool
    """Of its column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """One number of a table, as a share, with what is known about it."""

    accuracy: float
    interval: Interval | None = None
    """None for what the paper prints without one."""
    n: int | None = None
    """Where it is not the paper's."""
    rank: Rank | None = None
    """Among all rows that are ranked together; None in a row that stands apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row of a table."""

    name: str
    is_own: bool
    shares: Sequence[Share | None]
    """In the order of the table's heads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One of the paper's tables, with runs of one's own in it."""

    number: str
    title: str
    heads: Sequence[Head]
    row_head: str = "Backbone"
    lines: Sequence[Line]
    apart: Sequence[Line] = ()
    """Rows by other recipes, which are not ranked with the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What one of the paper's lines says of a run."""

    run: Run
    relation: Relation
    x: float
    predicted: Prediction
    measured: Tally | None
    """What the backbone got, if that was measured."""


def sheets(experiment: Experiment | None) -> list[Sheet]:
    """Returns the paper's three tables, its rows in its order and one's own after them, all ranked together."""
    own = _own(grid(experiment)) if experiment else {}
    return [_sheet(columns, title, own) for columns, title in TITLES.items()]


def captioners() -> Sheet:
    """Returns the paper's comparison of captioners: one backbone, told by each."""
    heads = _heads(TOLD)
    lines = [
        Line(name=name, is_own=False, shares=[_printed(results, head) for head in heads])
        for name, results in published.load().captioners.items()
    ]
    title = "The same backbone, Gemini-2.5-Pro, told by others"
    return Sheet(number="", title=title, heads=heads, lines=_ranked(lines), row_head="Captioner")


def placed(experiment: Experiment | None) -> list[tuple[str, Run]]:
    """Returns the runs that have a place among the paper's, each with its column."""
    return [(column, run) for (_, column), run in _own(grid(experiment)).items()] if experiment else []


def forecasts(experiment: Experiment) -> list[Forecast]:
    """Returns what the paper's backbones say of an experiment's: audio accuracy from each text or cascade result."""
    own = _own(grid(experiment))
    found: list[Forecast] = []
    for (_, x), run in sorted(own.items()):
        for y in HEARD if x not in HEARD else ():
            relation = relate(published.rows(), x, y)
            if isinstance(relation, Relation):
                heard = next((other for (_, column), other in own.items() if column == y and _same(other, run)), None)
                share = run.result.total.accuracy
                found.append(
                    Forecast(
                        run=run,
                        relation=relation,
                        x=share,
                        predicted=relation.predict(share),
                        measured=heard.result.total if heard else None,
                    )
                )
    return found


def _own(table: Grid) -> dict[tuple[str, str], Run]:
    """Returns the runs with a place among the paper's, by what they are called in a row, and by column."""
    found: dict[tuple[str, str], Run] = {}
    for run in table.main_runs:
        column = published.COLUMNS.get((run.result.benchmark, run.column.setting))
        if column and run.result.total.n and not run.column.is_side:
            variant = f", {run.column.variant}" if run.column.variant else ""
            found[f"{run.backbone}{variant}", column] = run
    return found


def _same(run: Run, other: Run) -> bool:
    return run.result.fingerprint == other.result.fingerprint and run.backbone == other.backbone


def _sheet(columns: Sequence[str], title: str, own: Mapping[tuple[str, str], Run]) -> Sheet:
    paper = published.load()
    heads = _heads(columns)
    names = dict.fromkeys(name for column in columns for name in paper.columns[column].rows)
    lines = [
        Line(
            name=name,
            is_own=False,
            shares=[
                _printed({c: paper.columns[c].rows[name] for c in columns if name in paper.columns[c].rows}, head)
                for head in heads
            ],
        )
        for name in names
    ]
    for name in dict.fromkeys(name for name, column in own if column in columns):
        shares = [_measured(own.get((name, head.column)), head) for head in heads]
        lines.append(Line(name=name, is_own=True, shares=shares))
    apart = [
        Line(name=name, is_own=False, shares=[_printed(results, head) for head in heads])
        for name, results in (paper.lalms.items() if set(columns) == set(HEARD) else ())
    ]
    number = paper.columns[columns[0]].table
    return Sheet(number=number, title=title, heads=heads, lines=_ranked(lines), apart=apart)


def _heads(columns: Sequence[str]) -> list[Head]:
    heads: list[Head] = []
    for column in columns:
        described = published.load().columns[column]
        averages = [result.accuracy for result in described.rows.values()]
        digits = 1 if all(round(value, 1) == value for value in averages) else 2
        groups = [(group, n, 2) for group, n in described.groups.items()]
        for at, (group, n, decimals) in enumerate([*groups, (AVERAGE, described.n, digits)]):
            heads.append(Head(column=column, group=group, n=n, digits=decimals, is_first=at == 0))
    return heads


def _ranked(lines: Sequence[Line]) -> list[Line]:
    columns = [
        [
            Share(accuracy=share.accuracy, interval=share.interval, n=share.n, rank=rank) if share else None
            for share, rank in zip(column, ranks([share.accuracy if share else None for share in column]), strict=True)
        ]
        for column in zip(*(line.shares for line in lines), strict=True)
    ]
    return [
        Line(name=line.name, is_own=line.is_own, shares=[column[at] for column in columns])
        for at, line in enumerate(lines)
    ]


def _printed(results: Mapping[str, published.Result], head: Head) -> Share | None:
    result = results.get(head.column)
    if result is None:
        return None
    percent = result.accuracy if head.group == AVERAGE else result.groups.get(head.group)
    return None if percent is None else Share(accuracy=percent / 100)


def _measured(run: Run | None, head: Head) -> Share | None:
    """Returns a run's accuracy, over all items or in the group of the same name under any of its keys."""
    if run is None:
        return None
    tally = run.result.total if head.group == AVERAGE else _group(run, head.group)
    if tally is None or not tally.n:
        return None
    return Share(accuracy=tally.accuracy, interval=interval(tally), n=tally.n if tally.n != head.n else None)


def _group(run: Run, name: str) -> Tally | None:
    groups = (groups for groups in run.result.breakdowns.values())
    return next((tally for each in groups for label, tally in each.items() if label.lower() == name.lower()), None)
