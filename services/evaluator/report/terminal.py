"""The report in a terminal: the findings, one overview, then one table for each benchmark."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.evaluator.report import summary
from services.evaluator.report.summary import VERBS, Column, Grid
from services.evaluator.result import Experiment, RunResult
from services.evaluator.scoring import Tally
from services.evaluator.stats import wilson

_GROUPS_SHOWN = 9
"""A benchmark's first breakdown stands in its table if it has no more groups; the page has the rest."""
_LEGEND = (
    "[low, high]: 95 % interval; near chance: a guess's accuracy is in it. "
    "Bounds: every unread answer wrong, and every one right. Official: by the string match of MMAU and MMAR."
)

Run = tuple[str, Column, RunResult]
"""A backbone's name, what it was run on, and what came of it."""


def show(experiment: Experiment, console: Console) -> None:
    """Prints the experiment."""
    table = summary.grid(experiment)
    if not table.cells:
        console.print("No results.")
        return
    console.print()
    console.print(Text(summary.title(table), style="bold"))
    console.print()
    findings = Table.grid(padding=(0, 2))
    for setting, sentence in summary.findings(table):
        findings.add_row(Text(VERBS[setting], style="italic cyan"), Text(sentence.replace("\N{NO-BREAK SPACE}%", "%")))
    console.print(findings)
    console.print()
    overview = _overview(table)
    console.print(overview if _fits(overview, console) else _list(table))
    for benchmark in dict.fromkeys(column.benchmark for column in table.columns):
        runs = _runs(table, benchmark)
        whole = _benchmark(runs, beside=True)
        if _fits(whole, console):
            console.print(whole)
            continue
        console.print(_benchmark(runs, beside=False))
        if _breakdown(runs[0][2])[1]:
            console.print(_groups(runs))
    console.print(Text(_LEGEND, style="dim"))


def _overview(table: Grid) -> Table:
    drawn = _table("Accuracy, % of all items")
    drawn.add_column("backbone")
    for column in table.columns:
        drawn.add_column(_head(column), justify="right")
    for name in table.backbones:
        drawn.add_row(Text(name), *(_cell(result) for result in table.row(name)))
        drawn.add_section()
    guesses = [table.column(column)[0][1].chance for column in table.columns]
    drawn.add_row("a guess", *(summary.percent(guess) for guess in guesses), style="dim")
    return drawn


def _list(table: Grid) -> Table:
    """The overview for a narrow console: one row for each result."""
    drawn = _table("Accuracy, % of all items")
    drawn.add_column("backbone", overflow="fold")
    drawn.add_column("")
    drawn.add_column("benchmark", overflow="fold")
    for head in ("accuracy", "a guess", "unread"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for name in table.backbones:
        for column, result in zip(table.columns, table.row(name), strict=True):
            if result:
                total = result.total
                shares = Text(f"{summary.percent(total.accuracy)} {summary.bracket(wilson(total.correct, total.n))}")
                guess = summary.percent(result.chance)
                drawn.add_row(
                    Text(name), _verb(column), Text(column.benchmark), shares, guess, str(total.unread or "·")
                )
        drawn.add_section()
    return drawn


def _runs(table: Grid, benchmark: str) -> list[Run]:
    columns = [column for column in table.columns if column.benchmark == benchmark]
    return [(name, column, result) for column in columns for name, result in table.column(column)]


def _benchmark(runs: Sequence[Run], *, beside: bool) -> Table:
    """The totals of a benchmark's runs, with the groups of its first breakdown beside them if there are few."""
    first = runs[0][2]
    key, groups = _breakdown(first)
    shown = groups if beside and len(groups) <= _GROUPS_SHOWN else {}
    drawn = _table(f"{first.benchmark}, n = {first.total.n}" + (f", by {key}" if shown else ""))
    drawn.add_column("backbone", overflow="fold")
    drawn.add_column("")
    for label, tally in shown.items():
        drawn.add_column(Text.assemble(label, "\n", (f"n={tally.n}", "dim")), justify="right")
    for head in ("all", "interval", "bounds", "official", "unread"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for name, column, result in runs:
        parts = [_share(result, key, label) for label in shown]
        drawn.add_row(Text(name), _verb(column), *parts, *_totals(result.total))
    return drawn


def _groups(runs: Sequence[Run]) -> Table:
    """The first breakdown for a console too narrow to have it beside the totals: one row for each group."""
    key, groups = _breakdown(runs[0][2])
    drawn = _table(f"by {key}" if key else "")
    drawn.add_column(key, overflow="fold")
    drawn.add_column("n", justify="right")
    for name, column, _ in runs:
        drawn.add_column(
            Text.assemble((VERBS[column.setting], "italic cyan"), f"\n{name}"), justify="right", overflow="fold"
        )
    for label, tally in groups.items():
        drawn.add_row(Text(label), str(tally.n), *(_share(result, key, label) for _, _, result in runs))
    return drawn


def _breakdown(result: RunResult) -> tuple[str, dict[str, Tally]]:
    return next(iter(result.breakdowns.items()), ("", dict[str, Tally]()))


def _share(result: RunResult, key: str, label: str) -> str:
    return summary.percent(result.breakdowns.get(key, {}).get(label, Tally()).accuracy)


def _totals(total: Tally) -> list[Text | str]:
    low, high = total.bounds
    return [
        Text(summary.percent(total.accuracy), style="bold"),
        Text(summary.bracket(wilson(total.correct, total.n))),
        f"{summary.percent(low, 0)}–{summary.percent(high, 0)}",
        summary.percent(total.official_accuracy),
        str(total.unread or "·"),
    ]


def _verb(column: Column) -> Text:
    return Text(VERBS[column.setting], style="italic cyan")


def _head(column: Column) -> Text:
    variant = f"\n{column.variant}" if column.variant else ""
    return Text.assemble((f"{VERBS[column.setting]}\n", "italic cyan"), column.benchmark, (variant, "dim"))


def _cell(result: RunResult | None) -> Text | str:
    if result is None or not result.total.n:
        return "–"
    total = result.total
    unread = [
        f"{count} {word}"
        for count, word in ((total.unparsed, "unparsed"), (total.truncated, "truncated"), (total.failed, "failed"))
        if count
    ]
    return Text.assemble(
        (summary.percent(total.accuracy), "bold"),
        f" {summary.bracket(wilson(total.correct, total.n))}\n",
        (summary.verdict(total, result.chance), "dim"),
        ("".join(f"\n{part}" for part in unread), "dim"),
    )


def _table(title: str) -> Table:
    return Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _fits(table: Table, console: Console) -> bool:
    unbounded = console.options.update_width(10_000)
    return console.measure(table, options=unbounded).maximum <= console.width
