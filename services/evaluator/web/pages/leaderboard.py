"""The leaderboard: the paper's tables with one's own runs in them, one's own other benchmarks, and two to compare."""

from itertools import groupby

from services.evaluator import published
from services.evaluator.report import beside, tables
from services.evaluator.stats import Interval, wilson
from services.evaluator.web.page import Asked, Page


def leaderboard(asked: Asked) -> Page:
    """Returns the page."""
    known = asked.site.shelf.known()
    own = known.experiment if known.runs else None
    values = {
        "sheets": beside.sheets(own),
        "captioners": beside.captioners(),
        "known": known,
        "table": known.table,
        "keys": known.table.keys,
        "placed": beside.placed(own),
        "paper": published.load(),
        "overview": tables.overview(known.table) if known.table.cells else [],
        "columns_of": columns_of,
        "interval_of": interval_of,
        "folders": asked.site.shelf.folders,
    }
    return Page(template="leaderboard.html.jinja", title="Leaderboard", section="leaderboard", values=values)


def interval_of(share: beside.Share, head: beside.Head) -> Interval:
    """Returns a share's interval: of a printed one, Wilson's over the items that the paper says it has."""
    return share.interval or wilson(round(share.accuracy * head.n), head.n)


def columns_of(sheet: beside.Sheet) -> list[tuple[str, int]]:
    """Returns a table's columns, each with how many heads stand under it."""
    return [(column, len(list(heads))) for column, heads in groupby(sheet.heads, key=lambda head: head.column)]
