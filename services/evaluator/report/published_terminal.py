"""The paper's results in a terminal, with an experiment's runs beside them."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.evaluator import published
from services.evaluator.report import beside
from services.evaluator.report.published_page import TITLE
from services.evaluator.report.terminal_table import fits, plain, table_of
from services.evaluator.report.words import bracket, coefficient, coefficients, percent
from services.evaluator.result import Experiment

_LEGEND = (
    "A mark in front says that a row is yours. T: told by Gemini's captions; A: by ear. "
    "[low, high]: Fisher's 95 % interval of r, which the paper does not print; ≠: printed otherwise."
)

_LONG = 9
"""Letters of a group's name from which it is cut, so that the first table fits 80 columns."""


def show(console: Console, experiment: Experiment | None = None) -> None:
    """Prints the tables, the captioners, the heat map and what the lines say of the experiment's backbones."""
    console.print()
    console.print(Text(TITLE, style="bold"))
    console.print(Text(published.load().source, style="dim"))
    console.print()
    for sheet in (*beside.sheets(experiment), beside.captioners()):
        whole = _sheet(sheet, everything=True)
        console.print(whole if fits(whole, console) else _sheet(sheet, everything=False))
    wide, narrow = _heat_map(), _list()
    console.print(wide if fits(wide, console) else narrow)
    if experiment:
        forecasts = beside.forecasts(experiment)
        if forecasts:
            console.print(_forecasts(forecasts))
        elif not beside.placed(experiment):
            console.print(
                plain(f"No run of {experiment.name} is of AKB-2000, MMAU or MMAR in a setting of the paper's.")
            )
            console.print()
    console.print(Text(_LEGEND, style="dim"))


def _sheet(sheet: beside.Sheet, *, everything: bool) -> Table:
    """One of the tables, its averages alone where the console is too narrow for its groups."""
    heads = [at for at, head in enumerate(sheet.heads) if everything or head.group == beside.AVERAGE]
    drawn = table_of(f"{sheet.number}. {sheet.title}".removeprefix(". "))
    drawn.add_column(sheet.row_head.lower(), overflow="fold")
    for at in heads:
        head = sheet.heads[at]
        above = head.column if head.is_first or not everything else ""
        group = head.group if len(head.group) < _LONG else f"{head.group[:5]}."
        drawn.add_column(Text.assemble((above, "cyan"), f"\n{group}"), justify="right", no_wrap=True)
    for line in sheet.lines:
        drawn.add_row(*_line(line, sheet, heads), style="bold" if line.is_own else None)
    if sheet.apart:
        drawn.add_section()
        drawn.add_row(Text("made by other recipes", style="dim"))
    for line in sheet.apart:
        drawn.add_row(*_line(line, sheet, heads))
    return drawn


def _line(line: beside.Line, sheet: beside.Sheet, heads: list[int]) -> list[Text]:
    cells = [Text(f"▸ {line.name}" if line.is_own else line.name)]
    for at in heads:
        share = line.shares[at]
        digits = 1 if line.is_own else sheet.heads[at].digits
        cells.append(Text("–" if share is None else percent(share.accuracy, digits)))
    return cells


def _heat_map() -> Table:
    names = tuple(published.load().columns)
    cells = {(cell.x, cell.y): cell for cell in published.heat_map()}
    drawn = table_of("Pearson's r, recomputed from the tables")
    drawn.add_column("")
    for name in names[:-1]:
        drawn.add_column(name, justify="right", no_wrap=True)
    for y in names[1:]:
        drawn.add_row(y, *(_cell(cells.get((x, y))) for x in names[:-1]))
    return drawn


def _list() -> Table:
    """The heat map for a narrow console: one row for each cell."""
    drawn = table_of("Pearson's r, recomputed from the tables")
    for head in ("from", "to"):
        drawn.add_column(head)
    drawn.add_column("r", justify="right", no_wrap=True)
    for cell in published.heat_map():
        drawn.add_row(cell.x, cell.y, _cell(cell))
    return drawn


def _cell(cell: published.Cell | None) -> Text:
    if cell is None:
        return Text("")
    doubt = "" if cell.reproduces else f" ≠ {coefficient(cell.printed)}"
    sure = f" {coefficients(cell.correlation.fisher)}"
    return Text.assemble((coefficient(cell.recomputed), "bold"), (doubt, "yellow"), (sure, "dim"))


def _forecasts(forecasts: list[beside.Forecast]) -> Table:
    drawn = table_of("What the paper's lines say of yours, in percent")
    drawn.add_column("backbone", overflow="fold")
    for head in ("from", "to"):
        drawn.add_column(head)
    for head in ("yours", "predicted", "measured"):
        drawn.add_column(head, justify="right", no_wrap=True)
    for each in forecasts:
        predicted = f"{percent(each.predicted.value)} {bracket(each.predicted.interval)}"
        measured = percent(each.measured.accuracy) if each.measured else "–"
        ends = each.relation.x, each.relation.y
        drawn.add_row(Text(each.run.backbone), *ends, percent(each.x), Text(predicted), measured)
    return drawn
