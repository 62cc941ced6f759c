"""The report in a terminal: the findings, one overview, then one table for each benchmark and each further question."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from services.evaluator.report import summary, tables, terminal_more
from services.evaluator.report.grid import VERBS, Column, Grid, Section, grid
from services.evaluator.report.terminal_table import accuracy, fits, plain, table_of, verb
from services.evaluator.report.usage import Costs
from services.evaluator.report.words import bracket, interval, percent, verdict
from services.evaluator.result import Experiment, RunResult
from services.evaluator.scoring import Tally

_LEGEND = (
    "[low, high]: 95 % interval; near chance: a guess's accuracy is in it. "
    "Bounds: every unread answer wrong, and every one right. Official: by the string match of MMAU and MMAR."
)


def show(experiment: Experiment, console: Console, costs: Costs | None = None) -> None:
    """Prints the experiment."""
    table = grid(experiment)
    if not table.cells:
        console.print("No results.")
        return
    console.print()
    console.print(Text(summary.title(table), style="bold"))
    console.print()
    findings = Table.grid(padding=(0, 2))
    for setting, sentence in summary.findings(table):
        findings.add_row(Text(VERBS[setting], style="italic cyan"), plain(sentence))
    console.print(findings)
    console.print()
    overview = _overview(table)
    console.print(overview if fits(overview, console) else _list(table))
    for section in table.sections:
        for part in _section(table, section, console):
            console.print(part)
    for part in terminal_more.parts(experiment, table, costs or {}, console):
        console.print(part)
    console.print(Text(_LEGEND, style="dim"))


def _overview(table: Grid) -> Table:
    drawn = table_of("Accuracy, % of all items")
    drawn.add_column("backbone")
    for column in table.main:
        drawn.add_column(_head(column), justify="right")
    for name, cells in tables.overview(table):
        drawn.add_row(Text(name), *(_cell(cell) for cell in cells))
        drawn.add_section()
    guesses = [table.column(column)[0][1].chance for column in table.main]
    drawn.add_row("a guess", *(percent(guess) for guess in guesses), style="dim")
    return drawn


def _list(table: Grid) -> Table:
    """The overview for a narrow console: one row for each result."""
    drawn = table_of("Accuracy, % of all items")
    drawn.add_column("backbone", overflow="fold")
    drawn.add_column("")
    drawn.add_column("benchmark", overflow="fold")
    for head in ("accuracy", "a guess", "unread"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for name in table.backbones:
        for column, result in zip(table.main, table.row(name), strict=True):
            if result:
                unread = str(result.total.unread or "·")
                where = Text(column.where)
                drawn.add_row(Text(name), verb(column), where, accuracy(result.total), percent(result.chance), unread)
        drawn.add_section()
    return drawn


def _section(table: Grid, section: Section, console: Console) -> Iterator[RenderableType]:
    whole = _benchmark(table, section, beside=True)
    if fits(whole, console):
        yield whole
    else:
        yield _benchmark(table, section, beside=False)
        for column in dict.fromkeys(run.column for run in section.main):
            if section.first.breakdowns:
                named = _groups(table, section, column, in_full=True)
                yield named if fits(named, console) else _groups(table, section, column, in_full=False)
    for hard in tables.hardest(section):
        yield _hardest(hard)


def _benchmark(table: Grid, section: Section, *, beside: bool) -> Table:
    """The totals of a benchmark's runs, with the groups of its first breakdown beside them if there are few."""
    key, groups = tables.lead(section) if beside else ("", {})
    flagged = section.first.without_known_bad
    drawn = table_of(f"{section.benchmark}, n = {section.first.total.n}" + (f", by {key}" if groups else ""))
    drawn.add_column("backbone", overflow="fold")
    for label, tally in groups.items():
        drawn.add_column(Text.assemble(label, "\n", (f"n={tally.n}", "dim")), justify="right")
    drawn.add_column("all", justify="right", no_wrap=True)
    if flagged:
        drawn.add_column(Text.assemble("sound\nitems\n", (f"n={flagged.n}", "dim")), justify="right", no_wrap=True)
    for head in ("interval", "bounds", "official", "unread"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for column, rows in tables.by_run(section):
        drawn.add_row(_way(column))
        for row in rows:
            name = f"{table.keys[row.run.backbone]} {row.run.backbone}".strip()
            shares = [percent(cell.tally.accuracy) for cell in row.groups] if groups else []
            drawn.add_row(Text(name), *shares, *_totals(row.run.result))
        drawn.add_section()
    return drawn


def _groups(table: Grid, section: Section, column: Column, *, in_full: bool) -> Table:
    """The first breakdown for a console too narrow to have it beside the totals: one row for each group."""
    key, groups = next(iter(section.first.breakdowns.items()))
    drawn = table_of(f"{VERBS[column.setting]} {column.where}, by {key}")
    drawn.add_column(key, overflow="fold")
    drawn.add_column("n", justify="right")
    runs = [run for run in section.runs if run.column == column]
    for run in runs:
        head = run.backbone if in_full else table.keys[run.backbone] or "accuracy"
        drawn.add_column(Text(head), justify="right", no_wrap=True)
    for label, tally in groups.items():
        cells = tables.by_group(runs, key, label)
        drawn.add_row(Text(label), str(tally.n), *(percent(cell.tally.accuracy) for cell in cells))
    return drawn


def _hardest(hard: tables.Hardest) -> Table:
    drawn = table_of(f"The hardest {summary.WAYS[hard.setting]}: {len(hard.rows)} of {hard.num_groups} by {hard.key}")
    drawn.add_column(hard.key, overflow="fold")
    drawn.add_column("n", justify="right")
    drawn.add_column("accuracy" if hard.num_runs == 1 else f"mean of {hard.num_runs}", justify="right", no_wrap=True)
    if hard.num_runs > 1:
        drawn.add_column("the best of them", overflow="fold")
    for row in hard.rows:
        mean = Text.assemble((percent(row.mean), "bold"), f" {bracket(row.interval)}")
        best = [Text(f"{row.best.backbone} {percent(row.best_tally.accuracy)}")] if hard.num_runs > 1 else []
        drawn.add_row(Text(row.label), str(row.n), mean, *best)
    return drawn


def _totals(result: RunResult) -> list[Text | str]:
    total, sound = result.total, result.without_known_bad
    low, high = total.bounds
    return [
        Text(percent(total.accuracy), style="bold"),
        *([percent(sound.accuracy)] if sound else []),
        Text(bracket(interval(total)) if total.n else ""),
        f"{percent(low, 0)}–{percent(high, 0)}",
        percent(total.official_accuracy),
        str(total.unread or "·"),
    ]


def _way(column: Column) -> Text:
    return Text.assemble(verb(column), (f", {column.variant}", "dim") if column.variant else "")


def _head(column: Column) -> Text:
    variant = f"\n{column.variant}" if column.variant else ""
    return Text.assemble((f"{VERBS[column.setting]}\n", "italic cyan"), column.benchmark, (variant, "dim"))


def _cell(cell: tables.Cell | None) -> Text | str:
    if cell is None or not cell.tally.n:
        return "–"
    total: Tally = cell.tally
    unread = [
        f"{count} {word}"
        for count, word in ((total.unparsed, "unparsed"), (total.truncated, "truncated"), (total.failed, "failed"))
        if count
    ]
    rank = f"{cell.rank.label}. of {cell.rank.of}, " if cell.rank and cell.rank.label else ""
    return Text.assemble(
        accuracy(total),
        (f"\n{rank}{verdict(total, cell.chance)}", "dim"),
        ("".join(f"\n{part}" for part in unread), "dim"),
    )
