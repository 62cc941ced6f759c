"""The look of the report's tables in a terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.evaluator.report.grid import VERBS, Column
from services.evaluator.report.words import bracket, interval, percent
from services.evaluator.scoring import Tally


def table_of(title: str) -> Table:
    """Returns an empty table."""
    return Table(title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def fits(table: Table, console: Console) -> bool:
    """Whether a table needs no folding."""
    unbounded = console.options.update_width(10_000)
    return console.measure(table, options=unbounded).maximum <= console.width


def plain(sentence: str) -> Text:
    """Returns a sentence without the spaces that must not break, which a console would break at."""
    return Text(sentence.replace("\N{NO-BREAK SPACE}", ""))


def accuracy(tally: Tally) -> Text:
    """Returns an accuracy with its interval."""
    if not tally.n:
        return Text("–")
    return Text.assemble((percent(tally.accuracy), "bold"), f" {bracket(interval(tally))}")


def verb(column: Column) -> Text:
    """Returns what a column measures."""
    return Text(VERBS[column.setting], style="italic cyan")
