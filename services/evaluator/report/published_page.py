"""The paper's results as a page of their own, with an experiment's runs beside them."""

from collections.abc import Sequence
from itertools import combinations, groupby

from markupsafe import Markup

from services.evaluator import published
from services.evaluator.relate import Relation, relate
from services.evaluator.report import beside
from services.evaluator.report.grid import Run
from services.evaluator.report.html import environment
from services.evaluator.report.scatter import Spot, scatter
from services.evaluator.result import Experiment

TITLE = "What the paper found, from its own numbers"
CROWD = 10
"""More points than this have a drawing of the page's whole width."""
_SIZE, _WHOLE = (470.0, 400.0), (960.0, 520.0)


def page(experiment: Experiment | None = None, folder: str = "") -> str:
    """Returns the page; `folder` is the name under which the experiment's results are kept, if that is to be said."""
    placed = beside.placed(experiment)
    found = relations()
    return (
        environment()
        .get_template("published.html.jinja")
        .render(
            title=TITLE,
            paper=published.load(),
            experiment=experiment,
            folder=folder,
            crowd=CROWD,
            placed=placed,
            sheets=beside.sheets(experiment),
            captioners=beside.captioners(),
            columns_of=_columns_of,
            average=beside.AVERAGE,
            str=str,
            map_columns=tuple(published.load().columns),
            cells={(cell.x, cell.y): cell for cell in published.heat_map()},
            relations=[each for each in found if each.x not in beside.HEARD and each.y in beside.HEARD],
            panels=[(each, _drawing(each, placed)) for each in found if each.x not in beside.HEARD],
            forecasts=beside.forecasts(experiment) if experiment else [],
        )
    )


def relations() -> list[Relation]:
    """Returns the relations of each two of the paper's columns, those with audio first."""
    pairs = sorted(combinations(published.load().columns, 2), key=lambda pair: pair[1] not in beside.HEARD)
    related = (relate(published.rows(), x, y) for x, y in pairs)
    return [each for each in related if isinstance(each, Relation)]


def _columns_of(sheet: beside.Sheet) -> list[tuple[str, int]]:
    """Returns a table's columns, each with how many heads stand under it."""
    return [(column, len(list(heads))) for column, heads in groupby(sheet.heads, key=lambda head: head.column)]


def _drawing(relation: Relation, placed: Sequence[tuple[str, Run]]) -> Markup:
    spots = [
        Spot(
            name=row.backbone,
            title=row.backbone,
            x=row.scores[relation.x].accuracy,
            y=row.scores[relation.y].accuracy,
        )
        for row in relation.rows
    ]
    for x in (run for column, run in placed if column == relation.x):
        y = next((run for column, run in placed if column == relation.y and run.backbone == x.backbone), None)
        if y:
            shares = x.result.total.accuracy, y.result.total.accuracy
            spots.append(Spot(name=x.backbone, title=f"{x.backbone} (yours)", x=shares[0], y=shares[1], is_own=True))
    return scatter(
        spots, relation.x, relation.y, relation.sentence, relation.line, _WHOLE if len(relation.rows) > CROWD else _SIZE
    )
