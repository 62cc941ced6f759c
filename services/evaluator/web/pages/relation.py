"""Relations: one column against another over backbones, the paper's and one's own, each point a way to its runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from earwitness.errors import InvalidInput, NotFound
from services.evaluator import published
from services.evaluator.backbones import Row, from_results
from services.evaluator.relate import Relation, Unrelated, relate
from services.evaluator.report.grid import families
from services.evaluator.report.relations import column_name
from services.evaluator.report.scatter import Spot, scatter
from services.evaluator.result import RunResult
from services.evaluator.web.linked import linked
from services.evaluator.web.page import Asked, Page, address
from services.evaluator.web.shelf import Known

DEFAULT = ("AKB", "MMAU_A")
SIZE = (960.0, 540.0)
KEY = "category"
"""The groups of a benchmark that are columns too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """What can be related, by who measured it."""

    paper: Sequence[str]
    own: Sequence[str]


def relation(asked: Asked) -> Page:
    """Returns the page of two columns."""
    known = asked.site.shelf.known()
    own = own_rows(known)
    columns = Columns(paper=published.columns(), own=list(dict.fromkeys(name for row in own for name in row.scores)))
    x, y = (asked.query.get(name, "") or DEFAULT[at] for at, name in enumerate(("x", "y")))
    for field, name in (("x", x), ("y", y)):
        if name not in (*columns.paper, *columns.own):
            raise NotFound("there is no such column", field, "choose one of the list")
    if x == y:
        raise InvalidInput("both are the same column", "y", "choose two")
    is_paper = x in columns.paper and y in columns.paper
    found = relate(published.rows() if is_paper else _together(own), x, y)
    beside_it = [row for row in own if x in row.scores and y in row.scores] if is_paper else []
    values = {
        "x": x,
        "y": y,
        "columns": columns,
        "found": found,
        "is_related": isinstance(found, Relation),
        "own": beside_it,
        "points": [*found.rows, *beside_it],
        "drawing": _drawing(found, beside_it, x, y),
        "name": name_of,
        "cells": {(cell.x, cell.y): cell for cell in published.heat_map()},
        "map_columns": tuple(published.load().columns),
    }
    return Page(template="relation.html.jinja", title="Relation", section="relation", values=values)


def backbone(asked: Asked) -> Page:
    """Returns everything that is known of one backbone: its runs, and what the paper prints of it."""
    name, known = asked.query.get("name", ""), asked.site.shelf.known()
    runs = [run for run in known.runs if name in (run.backbone, f"{run.backbone}, {run.column.variant}")]
    printed = published.load()
    columns = {key: column for key, column in printed.columns.items() if name in column.rows}
    if not runs and not columns and name not in {**printed.lalms, **printed.captioners}:
        raise NotFound("there is no such backbone", "name", "choose one of the leaderboard")
    others = {**printed.lalms, **printed.captioners}.get(name, {})
    results = {key: column.rows[name] for key, column in columns.items()} or others
    values = {"name": name, "runs": runs, "results": results, "columns": printed.columns, "usage": known.usage}
    return Page(template="backbone.html.jinja", title=name, section="leaderboard", values=values)


def own_rows(known: Known) -> tuple[Row, ...]:
    """Returns one's own backbones with their scores; a run beside another of its column, as of an older checkpoint,
    is left out.
    """
    kept: dict[tuple[object, ...], RunResult] = {}
    for run in known.table.main_runs:
        result = run.result
        where = result.backbone, result.fingerprint, result.benchmark, result.setting, result.benchmark_sha256
        how = result.captioner, result.caption_prompt, result.prompt, result.answering, result.sample, result.rotation
        kept[where + how + (result.control,)] = result
    return from_results(list(kept.values()), key=KEY, families=families(known.experiment), columns=published.COLUMNS)


def name_of(column: str) -> str:
    """Returns a column as the page calls it: the paper's by the paper's name, one's own by what it measures."""
    return column.replace("/", ", ") if column.split("/")[0] in published.load().columns else column_name(column)


def _together(own: Sequence[Row]) -> tuple[Row, ...]:
    """Returns one's own rows and the paper's; a backbone that both have is one."""
    mine = {row.backbone: row for row in own}
    merged = [
        Row(backbone=row.backbone, family=row.family, scores={**row.scores, **mine[row.backbone].scores})
        if row.backbone in mine
        else row
        for row in published.rows()
    ]
    return (*merged, *(row for row in own if row.backbone not in {each.backbone for each in merged}))


def _drawing(found: Relation | Unrelated, own: Sequence[Row], x: str, y: str) -> Markup | None:
    rows = [(row, False) for row in found.rows] + [(row, True) for row in own]
    if not rows:
        return None
    spots = [
        Spot(
            name=row.backbone,
            title=f"{row.backbone} (yours)" if is_own else row.backbone,
            x=row.scores[x].accuracy,
            y=row.scores[y].accuracy,
            is_own=is_own,
        )
        for row, is_own in rows
    ]
    line = found.line if isinstance(found, Relation) else None
    drawn = scatter(spots, f"{name_of(x)}, %", f"{name_of(y)}, %", found.sentence, line, SIZE)
    links = {spot.title: address("/backbone", name=row.backbone) for spot, (row, _) in zip(spots, rows, strict=True)}
    return linked(drawn, links)
