"""The report as one HTML page: no script, no font, no image from elsewhere; it reads in light, dark and print.

Questions and answers are untrusted text: the templates escape all that they are given. `templates/` holds the words,
the order and the looks of the page; this module gives them what they show.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.evaluator.backbones import Row
from services.evaluator.items import LETTERS, Outcome, Setting
from services.evaluator.report import advice, curves, listing, pairs, reading, relations, summary, tables, usage, words
from services.evaluator.report.bars import Band, Bar, Cluster, bars
from services.evaluator.report.grid import VERBS, Column, Grid, grid
from services.evaluator.report.scatter import Spot, scatter
from services.evaluator.result import Experiment
from services.evaluator.stats import Line

_TEMPLATES = Path(__file__).parent / "templates"
ANSWER_SHOWN = 1200
"""Characters of an answer that the page shows."""
COMPARISONS_SHOWN = 20
_TINTS = 4
SIGNS: dict[Outcome | None, str] = {
    Outcome.CORRECT: "✓",
    Outcome.WRONG: "✗",
    Outcome.UNPARSED: "?",
    Outcome.TRUNCATED: "…",
    Outcome.FAILED: "!",
    None: "·",
}


def page(experiment: Experiment, folder: Path, costs: usage.Costs | None = None) -> str:
    """Returns the page of an experiment whose answers files are in `folder`."""
    table = grid(experiment)
    compared = pairs.comparisons(table)
    spent = usage.used(experiment, table, costs or {})
    keys = table.keys
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            experiment=experiment,
            table=table,
            runs=table.runs,
            sections=table.sections,
            title=summary.title(table) if table.cells else experiment.name,
            findings=list(summary.findings(table)),
            widest=summary.widest(table),
            bars=_bars(table, keys),
            loss=curves.losses(experiment),
            keys=keys,
            compared=compared[:COMPARISONS_SHOWN],
            num_compared=len(compared),
            controls=pairs.controls(table),
            samples=pairs.samples(table),
            relations=(related := relations.relations(experiment, table)),
            panels=_panels(related, keys),
            advices=advice.advice(table, compared),
            readers=reading.readers(table),
            disagreements=reading.disagreements(table),
            positions=reading.positions(table),
            listings=[listing.listing(section, folder) for section in table.sections],
            spent=spent,
            spent_totals=usage.totals(spent),
        )
    )


@cache
def environment() -> Environment:
    """Returns what renders the templates: with this report's words, and with everything escaped."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(_globals())
    return made


def _globals() -> dict[str, Any]:
    """Returns what the templates may use besides what they are given."""
    return {name: getattr(words, name) for name in _WORDS} | {
        "clip": _clip,
        "column_name": relations.column_name,
        "css": Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        "fine": advice.FINE,
        "items_shown": listing.ITEMS_SHOWN,
        "letters": LETTERS,
        "reader": reading.reader,
        "signs": SIGNS,
        "tables": tables,
        "tints": _TINTS,
        "verbs": VERBS,
        "ways": summary.WAYS,
    }


def _spots(rows: Sequence[Row], x: str, y: str, keys: dict[str, str]) -> list[Spot]:
    """Returns the backbones of a relation as points, called by their keys."""
    return [
        Spot(
            name=keys.get(row.backbone) or row.backbone,
            title=row.backbone,
            x=row.scores[x].accuracy,
            y=row.scores[y].accuracy,
        )
        for row in rows
    ]


def _panels(related: relations.Relations | None, keys: dict[str, str]) -> list[tuple[relations.Panel, Markup]]:
    if related is None:
        return []
    drawn: list[tuple[relations.Panel, Markup]] = []
    for panel in related.panels:
        relation = panel.relation
        line: Line | None = relation.line if isinstance(relation, relations.Relation) else None
        x_name, y_name = (relations.column_name(name.split("/")[0]) for name in (relation.x, relation.y))
        spots = _spots(relation.rows, relation.x, relation.y, keys)
        drawn.append((panel, scatter(spots, f"{x_name}, %", f"{y_name}, %", relation.sentence, line)))
    return drawn


def _bars(table: Grid, keys: dict[str, str]) -> Markup:
    notes: dict[Setting, str] = {"text": "text alone", "cascade": "a captioner’s words", "audio": "the clip itself"}
    bands: list[Band] = []
    for setting in summary.settings(table):
        columns = [column for column in table.main if column.setting == setting]
        clusters = [cluster for column in columns if (cluster := _cluster(table, column, keys))]
        if clusters:
            bands.append(Band(name=VERBS[setting], note=notes[setting], clusters=clusters))
    return bars(bands, "The same numbers stand in the table that follows.") if bands else Markup("")


def _cluster(table: Grid, column: Column, keys: dict[str, str]) -> Cluster | None:
    scored = [(name, result) for name, result in table.column(column) if result.total.n]
    if not scored:
        return None
    drawn = [
        Bar(
            key=keys[name],
            name=f"{name}, {column.benchmark}",
            value=result.total.accuracy,
            interval=words.interval(result.total),
            tint=table.backbones.index(name) % _TINTS,
        )
        for name, result in scored
    ]
    note = f"n = {scored[0][1].total.n}" + (f", {column.variant}" if column.variant else "")
    return Cluster(name=column.benchmark, note=note, bars=drawn, chance=scored[0][1].chance)


def _clip(text: str) -> str:
    return text if len(text) <= ANSWER_SHOWN else f"{text[:ANSWER_SHOWN]} … ({len(text)} characters in all)"


_WORDS = (
    "bracket",
    "coefficient",
    "coefficients",
    "interval",
    "many",
    "p_value",
    "percent",
    "points",
    "span",
    "verdict",
)
