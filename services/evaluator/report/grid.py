"""The runs of an experiment under the names by which a report calls them, laid out by backbone and column.

A column is a benchmark in a setting, told apart from others of these by whatever varies in how they were asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count

from services.evaluator.items import LETTERS, SETTINGS, Answering, Setting
from services.evaluator.result import Experiment, RunResult

VERBS: dict[Setting, str] = {"text": "knows", "cascade": "is told", "audio": "hears"}
"""What each setting measures of a backbone."""
ANSWERINGS: dict[Answering, str] = {"generate": "generated", "letters": "by letters", "options": "by options"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """What the results of one column of the overview have in common."""

    setting: Setting
    benchmark: str
    sha256: str
    """Of the benchmark's file: columns with the same one are over the same items."""
    variant: str = ""
    """Tells apart what would otherwise be the same column: control, captioner, prompt, sample."""
    is_side: bool = False
    """A control, or a further sample of what another column has: shown in a table of its own."""

    @property
    def where(self) -> str:
        """Benchmark and variant, as in "mmau (blind)"."""
        return f"{self.benchmark} ({self.variant})" if self.variant else self.benchmark


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A result under the name by which the report calls it."""

    backbone: str
    column: Column
    result: RunResult

    @property
    def label(self) -> str:
        """Backbone and setting, as in "Qwen3-8B hears"."""
        variant = f" ({self.column.variant})" if self.column.variant else ""
        return f"{self.backbone} {VERBS[self.column.setting]}{variant}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One benchmark file: its runs."""

    benchmark: str
    runs: Sequence[Run]

    @property
    def main(self) -> Sequence[Run]:
        """The runs without controls and further samples; all of them where there are no others."""
        return [run for run in self.runs if not run.column.is_side] or self.runs

    @property
    def first(self) -> RunResult:
        """Any of the results, for what they share."""
        return self.runs[0].result


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """The results by backbone and column."""

    backbones: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: dict[tuple[str, Column], RunResult]

    @property
    def keys(self) -> dict[str, str]:
        """The letter that stands for each backbone where its name has no room; "" for a single one."""
        if len(self.backbones) == 1:
            return {self.backbones[0]: ""}
        return {name: LETTERS[at % 26] + str(at // 26 or "") for at, name in enumerate(self.backbones)}

    @property
    def main(self) -> tuple[Column, ...]:
        """The columns without controls and further samples; all of them where there are no others."""
        return tuple(column for column in self.columns if not column.is_side) or self.columns

    @property
    def runs(self) -> list[Run]:
        """All runs, column by column."""
        return [
            Run(backbone=name, column=column, result=result)
            for column in self.columns
            for name, result in self.column(column)
        ]

    @property
    def main_runs(self) -> list[Run]:
        """The runs of the main columns."""
        main = self.main
        return [run for run in self.runs if run.column in main]

    @property
    def sections(self) -> list[Section]:
        """The runs by benchmark file, a benchmark of another version being another benchmark."""
        by_file: dict[tuple[str, str], list[Run]] = {}
        for run in self.runs:
            by_file.setdefault((run.column.benchmark, run.column.sha256), []).append(run)
        return [Section(benchmark=benchmark, runs=runs) for (benchmark, _), runs in by_file.items()]

    def row(self, backbone: str) -> list[RunResult | None]:
        """The results of one backbone in the main columns, None where it was not run."""
        return [self.cells.get((backbone, column)) for column in self.main]

    def column(self, column: Column) -> list[tuple[str, RunResult]]:
        """The backbones with a result in one column, and it."""
        return [(name, self.cells[name, column]) for name in self.backbones if (name, column) in self.cells]


def grid(experiment: Experiment) -> Grid:
    """Returns the results by backbone (in order of first appearance) and column (text, then cascade, then audio)."""
    cells: dict[tuple[str, Column], RunResult] = {}
    results = sorted(experiment.results, key=lambda result: (SETTINGS.index(result.setting), result.sample))
    for result in results:
        name = backbone_label(experiment, result)
        variant = _variant(result, [each for each in results if _place(each) == _place(result)])
        more = result.checkpoint or result.prompt
        names = chain((variant, f"{variant}, {more}".removeprefix(", ")), (f"{more} ({n})" for n in count(2)))
        columns = (_column(result, results, text) for text in names)
        column = next(column for column in columns if (name, column) not in cells)
        cells[name, column] = result
    backbones = dict.fromkeys(backbone_label(experiment, result) for result in experiment.results)
    ordered = sorted(dict.fromkeys(column for _, column in cells), key=lambda column: SETTINGS.index(column.setting))
    return Grid(backbones=tuple(backbones), columns=tuple(ordered), cells=cells)


def backbone_label(experiment: Experiment, result: RunResult) -> str:
    """Returns the backbone's name, with the beginning of its fingerprint where one name stands for two backbones."""
    namesakes = {other.fingerprint for other in experiment.results if other.backbone == result.backbone}
    return result.backbone if len(namesakes) == 1 else f"{result.backbone} {result.fingerprint[:8]}"


def families(experiment: Experiment) -> dict[str, str]:
    """Returns the families of backbones that the lineage names: "family of NAME"."""
    head = "family of "
    return {name.removeprefix(head): family for name, family in experiment.lineage.items() if name.startswith(head)}


def _column(result: RunResult, results: Sequence[RunResult], variant: str) -> Column:
    first = min(each.sample for each in results if _place(each) == _place(result))
    return Column(
        setting=result.setting,
        benchmark=result.benchmark,
        sha256=result.benchmark_sha256,
        variant=variant,
        is_side=result.control != "none" or result.sample != first,
    )


def _place(result: RunResult) -> tuple[str, str]:
    return result.setting, result.benchmark


def _variant(result: RunResult, others: Sequence[RunResult]) -> str:
    """Returns how a run was asked, as far as it tells it from other runs of the benchmark in the setting."""

    def told(words: str, kinds: set[object]) -> list[str]:
        return [words] if len(kinds) > 1 and words else []

    control = {"none": [], "blind": ["blind"], "shuffle": [f"shuffled by {result.rotation}"]}[result.control]
    captioners = {each.captioner for each in others}
    return ", ".join(
        [
            *control,
            *told(ANSWERINGS[result.answering], {each.answering for each in others}),
            *told(_short(result.captioner, captioners), {*captioners}),
            *told(result.caption_prompt, {each.caption_prompt for each in others}),
            *told(result.prompt, {each.prompt for each in others}),
            *([f"sample {result.sample}"] if result.sample > min(each.sample for each in others) else []),
            *told(f"items {result.benchmark_sha256[:8]}", {each.benchmark_sha256 for each in others}),
        ]
    )


def _short(name: str, names: set[str]) -> str:
    """Returns a captioner without its engine and fingerprint, if that is enough to know it by."""
    heads = [each.partition(" (")[0] for each in names]
    head = name.partition(" (")[0]
    return head if heads.count(head) == 1 else name
