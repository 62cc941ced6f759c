"""Two backbones or two single runs: where they differ, by the paired test over the same items, and beside the paper's
printed numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import InvalidInput, NotFound
from services.evaluator import published
from services.evaluator.compare import Comparison, compare
from services.evaluator.report import beside
from services.evaluator.report.grid import Run, Section
from services.evaluator.web.page import Asked, Page
from services.evaluator.web.pages.leaderboard import interval_of
from services.evaluator.web.shelf import Known, key_of

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Met:
    """Two runs over the same items."""

    first: Run
    second: Run
    found: Comparison
    has_answers: bool
    """Whether both runs' answers are here, to be read."""

    @property
    def is_told_apart(self) -> bool:
        """Whether luck alone hardly gives such a difference."""
        return self.found.total.paired.p < ALPHA


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed:
    """Two rows of the paper's tables in one column."""

    head: beside.Head
    first: beside.Share
    second: beside.Share


def comparison(asked: Asked) -> Page:
    """Returns how two runs (`first`, `second`) or all runs of two backbones (`one`, `other`) differ, and the forms by
    which two are chosen; these alone where none are.
    """
    known, query = asked.site.shelf.known(), asked.query
    met, printed, names = list[Met](), list[Printed](), list[str]()
    if "first" in query or "second" in query:
        runs = [known.run(query.get(name, "")) for name in ("first", "second")]
        _require_two(key_of(runs[0].result), key_of(runs[1].result), "second")
        met, names = [_met(asked, runs[0], runs[1])], [run.label for run in runs]
    elif "one" in query or "other" in query:
        names = [query.get(name, "") for name in ("one", "other")]
        _require_two(names[0], names[1], "other")
        for name in names:
            if name not in known.table.backbones and name not in published.load().families:
                raise NotFound("there is no such backbone", "backbone", "choose one of the list")
        met = [_met(asked, *pair) for pair in _shared(known, *names)]
        printed = list(_printed(known, *names))
    values = {
        "names": names,
        "chosen": query,
        "met": met,
        "printed": printed,
        "known": known,
        "paper": published.load(),
        "sections": _comparable(known),
        "interval_of": interval_of,
    }
    title = " and ".join(names) or "Compare two"
    return Page(template="compare.html.jinja", title=title, section="leaderboard", values=values)


def _comparable(known: Known) -> list[Section]:
    """Returns the benchmark files that two runs or more were asked."""
    return [section for section in known.table.sections if len(section.runs) > 1 and section.first.total.n]


def _require_two(one: str, other: str, field: str) -> None:
    if one == other:
        raise InvalidInput("both are the same", field, "choose two")


def _shared(known: Known, one: str, other: str) -> Iterator[tuple[Run, Run]]:
    """Yields the pairs of runs that were asked the same items alike."""
    for column in known.table.columns:
        by_name = dict(known.table.column(column))
        pair = [Run(backbone=name, column=column, result=by_name[name]) for name in (one, other) if name in by_name]
        if len(pair) == 2 and pair[0].result.total.n:
            yield pair[0], pair[1]


def _met(asked: Asked, first: Run, second: Run) -> Met:
    if first.column.sha256 != second.column.sha256:
        raise InvalidInput("the two were asked different items", "second", "choose two runs of one benchmark")
    has_answers = all(Path(run.result.answers).is_file() for run in (first, second))
    groups = _groups(asked, first) if has_answers else ()
    return Met(first=first, second=second, found=compare(first.result, second.result, groups), has_answers=has_answers)


def _groups(asked: Asked, run: Run) -> list[Mapping[str, str]]:
    """Returns the groups of each item, from the index of a run's answers; items of the same groups share theirs."""
    index = asked.site.shelf.index(run.result)
    names = {key: labels for key, (labels, _) in index.groups.items()}
    rows: list[tuple[int, ...]] = list(zip(*(codes.tolist() for _, codes in index.groups.values()), strict=True))
    shared = {
        row: {key: labels[code] for (key, labels), code in zip(names.items(), row, strict=True) if code >= 0}
        for row in set(rows)
    }
    return [shared[row] for row in rows]


def _printed(known: Known, one: str, other: str) -> Iterator[Printed]:
    """Yields the columns of the paper's tables that have both backbones, one's own rows among them."""
    for sheet in beside.sheets(known.experiment if known.runs else None):
        rows: Mapping[str, Sequence[beside.Share | None]] = {line.name: line.shares for line in sheet.lines}
        for head, first, second in zip(sheet.heads, rows.get(one, ()), rows.get(other, ()), strict=False):
            if first and second:
                yield Printed(head=head, first=first, second=second)
