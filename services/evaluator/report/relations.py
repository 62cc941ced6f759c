"""What text says of audio in an experiment's own runs: correlations of every two columns, and scatters by category.

Below three backbones nothing is drawn, below four nothing is fitted, and a sentence says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.evaluator.backbones import Row, from_results
from services.evaluator.items import SETTINGS
from services.evaluator.relate import MIN_BACKBONES, Relation, Unrelated, relate, relate_all
from services.evaluator.report.grid import VERBS, Grid, Run, Section, families
from services.evaluator.result import Experiment, RunResult

DRAWN_FROM = 3
"""Backbones."""
PANELS_SHOWN = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A scatter: text or captions against audio, over all items or within one category."""

    title: str
    relation: Relation | Unrelated

    @property
    def rows(self) -> Sequence[Row]:
        """The backbones that have both."""
        return self.relation.rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """What can be said of an experiment's settings, one against the other."""

    columns: tuple[str, ...]
    cells: dict[tuple[str, str], Relation | Unrelated]
    """By two columns, the one that stands first in `columns` first."""
    panels: Sequence[Panel]
    num_backbones: int
    """With results in audio and in another setting."""
    sentence: str
    """What can be said in words, or why nothing can."""

    @property
    def forecasts(self) -> list[Relation]:
        """What is said of audio by another setting."""
        return [
            cell
            for (x, y), cell in self.cells.items()
            if isinstance(cell, Relation) and _is_audio(y) and not _is_audio(x)
        ]

    @property
    def has_map(self) -> bool:
        """Whether any two columns could be related."""
        return any(isinstance(cell, Relation) for cell in self.cells.values())


def relations(experiment: Experiment, table: Grid) -> Relations | None:
    """Returns how the settings go together; None for an experiment of one setting."""
    if len({run.column.setting for run in table.main_runs}) < 2:
        return None
    results = _newest([run for run in table.main_runs if not run.column.is_side])
    named = families(experiment)
    ordered = sorted(results, key=lambda result: SETTINGS.index(result.setting))
    rows = from_results(ordered, families=named)
    found = dict.fromkeys(column for row in rows for column in row.scores)
    cells = {(each.x, each.y): each for each in relate_all(rows, tuple(found))}
    panels = [panel for section in table.sections for panel in _panels(section, results, named)]
    across = _across(cells)
    both = _both(results)
    return Relations(
        columns=tuple(found),
        cells=cells,
        panels=(across + panels)[:PANELS_SHOWN],
        num_backbones=both,
        sentence=_sentence(both, cells),
    )


def _sentence(both: int, cells: dict[tuple[str, str], Relation | Unrelated]) -> str:
    needed = f"it takes {DRAWN_FROM} backbones to draw one against the other and {MIN_BACKBONES} to fit a line"
    if both < DRAWN_FROM:
        have = "none has" if not both else "only 1 has" if both == 1 else f"only {both} have"
        ask = "Whether what a backbone knows in text says how well it will hear cannot be said"
        return f"{ask}: {needed}, and {have} results in both."
    told = (cell.sentence for (_, y), cell in cells.items() if isinstance(cell, Relation) and _is_audio(y))
    return next(told, f"Nothing is fitted: {needed}, and {both} have results in both.")


def _across(cells: dict[tuple[str, str], Relation | Unrelated]) -> list[Panel]:
    """Returns the scatters of whole benchmarks: text against audio, and the cascade against audio on its benchmark."""
    return [
        Panel(title="all items", relation=cell)
        for (x, y), cell in cells.items()
        if _is_audio(y) and not _is_audio(x) and _is_drawable(cell)
        if _setting(x) == "text" or x.split()[0] == y.split()[0]
    ]


def _panels(section: Section, results: Sequence[RunResult], named: dict[str, str]) -> list[Panel]:
    """Returns the scatters of one benchmark's categories, the cascade against audio."""
    mine = [
        result
        for result in results
        if result.benchmark_sha256 == section.first.benchmark_sha256 and result.setting != "text"
    ]
    key = next(iter(section.first.breakdowns), "")
    if not key or len({result.setting for result in mine}) < 2:
        return []
    rows = from_results(mine, key=key, families=named)
    columns = list(dict.fromkeys(column for row in rows for column in row.scores))
    panels: list[Panel] = []
    for x in columns:
        column, _, label = x.partition("/")
        if not label or _is_audio(column):
            continue
        for y in columns:
            if _is_audio(y) and y.endswith(f"/{label}"):
                panels.append(Panel(title=f"{section.benchmark}, {label}", relation=relate(rows, x, y)))
    return [panel for panel in panels if _is_drawable(panel.relation)]


def _is_drawable(relation: Relation | Unrelated) -> bool:
    return len(relation.rows) >= DRAWN_FROM


def _is_audio(column: str) -> bool:
    """Whether a column of `backbones.from_results` is of the audio setting: "mmau audio", "mmau audio (…)/speech"."""
    return _setting(column) == "audio"


def _setting(column: str) -> str:
    return column.split("/")[0].partition(" (")[0].rpartition(" ")[2]


def _both(results: Sequence[RunResult]) -> int:
    heard, other = (
        {result.fingerprint for result in results if (result.setting == "audio") == wanted} for wanted in (True, False)
    )
    return len(heard & other)


def _newest(runs: Sequence[Run]) -> list[RunResult]:
    """Returns the results without those that only an older checkpoint or other parameters tell apart."""
    kept: dict[tuple[object, ...], RunResult] = {}
    for run in runs:
        result = run.result
        where = result.backbone, result.fingerprint, result.benchmark, result.setting, result.benchmark_sha256
        how = result.captioner, result.caption_prompt, result.prompt, result.answering, result.sample
        kept[where + how] = result
    return list(kept.values())


def column_name(column: str) -> str:
    """Returns a column as a report names it: "mmau audio" is "hears mmau"."""
    head, slash, label = column.partition("/")
    words, bracket, variant = head.partition(" (")
    benchmark, _, setting = words.rpartition(" ")
    verb = next((verb for name, verb in VERBS.items() if name == setting), setting)
    return f"{verb} {benchmark}{bracket}{variant}{slash and ', '}{label}"
