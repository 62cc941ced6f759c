"""The tables that people read, without a format: `markdown` and `latex` set them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.evaluator.report import tables
from services.evaluator.report.grid import VERBS, Column, Grid, Section
from services.evaluator.report.words import bracket, interval, percent
from services.evaluator.scoring import Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One cell."""

    text: str
    is_best: bool = False
    """Of its column, among several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Rows that stand together, under a line of their own unless `title` is ""."""

    title: str
    rows: Sequence[Sequence[Entry]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """A table; its first column is text, the others are numbers unless `is_text`."""

    title: str
    heads: Sequence[str]
    blocks: Sequence[Block]
    is_text: bool = False


def plain_tables(table: Grid) -> Iterator[Plain]:
    """Yields the overview of all runs, each benchmark by its groups, and what the runs are of."""
    if not table.cells:
        return
    yield _overview(table)
    for section in table.sections:
        key, groups = tables.lead(section)
        if groups:
            yield _by_group(section, key, groups)
        for key, groups in tables.rest(section).items():
            yield _finely(section, key, groups)
    yield _identities(table)


def _overview(table: Grid) -> Plain:
    heads = ("Backbone", "n", "Accuracy", "95 % interval", "Bounds", "Official", "Wrong", "Unp.", "Trunc.", "Failed")
    blocks: list[Block] = []
    for column in sorted(table.columns, key=lambda column: column.is_side):
        results = table.column(column)
        best = max((result.total.accuracy for _, result in results if result.total.n), default=None)
        rows = [
            [Entry(text=name), *_totals(result.total, is_best=len(results) > 1 and result.total.accuracy == best)]
            for name, result in results
        ]
        blocks.append(Block(title=_called(column), rows=rows))
    return Plain(title="Accuracy in percent of all items", heads=heads, blocks=blocks)


def _totals(total: Tally, *, is_best: bool) -> list[Entry]:
    low, high = total.bounds
    texts = (
        str(total.n),
        percent(total.accuracy),
        bracket(interval(total)) if total.n else "–",
        f"{percent(low, 0)}–{percent(high, 0)}",
        percent(total.official_accuracy),
        *(str(count) for count in (total.wrong, total.unparsed, total.truncated, total.failed)),
    )
    return [Entry(text=text, is_best=is_best and place == 1) for place, text in enumerate(texts)]


def _by_group(section: Section, key: str, groups: dict[str, Tally]) -> Plain:
    heads = ["Backbone", *(f"{label} ({tally.n})" for label, tally in groups.items()), f"All ({section.first.total.n})"]
    blocks = [
        Block(
            title=_called(column),
            rows=[[Entry(text=row.run.backbone), *(_entry(cell) for cell in (*row.groups, row.total))] for row in rows],
        )
        for column, rows in tables.by_run(section)
    ]
    return Plain(title=f"{section.benchmark} by {key}, accuracy in percent", heads=heads, blocks=blocks)


def _finely(section: Section, key: str, groups: dict[str, Tally]) -> Plain:
    """A breakdown of many groups: one row for each group, one column for each run."""
    runs = section.main
    rows = [
        [
            Entry(text=label),
            Entry(text=str(tally.n)),
            *(_entry(cell) for cell in tables.by_group(runs, key, label)),
        ]
        for label, tally in groups.items()
    ]
    heads = [key.capitalize(), "n", *(run.label for run in runs)]
    title = f"{section.benchmark} by {key}, accuracy in percent"
    return Plain(title=title, heads=heads, blocks=[Block(title="", rows=rows)])


def _identities(table: Grid) -> Plain:
    heads = ("Run", "Benchmark", "File", "Fingerprint", "Prompt", "Parameters", "Captioner or checkpoint")
    rows = [
        [
            Entry(text=text)
            for text in (
                run.label,
                f"{run.result.benchmark} {run.result.benchmark_version}",
                run.result.benchmark_sha256[:12],
                run.result.fingerprint[:12],
                run.result.prompt,
                ", ".join(f"{name} {value}" for name, value in run.result.parameters.items() if value != ""),
                run.result.captioner or run.result.checkpoint or "–",
            )
        ]
        for run in table.runs
    ]
    return Plain(title="What each run is of", heads=heads, blocks=[Block(title="", rows=rows)], is_text=True)


def _entry(cell: tables.Cell) -> Entry:
    best = cell.rank is not None and cell.rank.of > 1 and cell.rank.place == 1
    return Entry(text=percent(cell.tally.accuracy), is_best=best)


def _called(column: Column) -> str:
    return f"{VERBS[column.setting]} {column.where}"
