"""The report as one HTML page: no script, no font, no image from elsewhere; it reads in light, dark and print.

Questions and answers are untrusted text: the template escapes all that it is given. `page.html.jinja` holds the
words and the order of the page, `report.css` its looks; this module turns results into what they show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.evaluator.items import LETTERS, Outcome, Setting
from services.evaluator.report import chart, summary
from services.evaluator.report.summary import VERBS, Column, Grid
from services.evaluator.result import Experiment, ItemResult, Point, RunResult
from services.evaluator.scoring import Tally
from services.evaluator.stats import wilson

_HERE = Path(__file__).parent
ITEMS_SHOWN = 500
"""Items of one benchmark that the page lists; the results file has them all."""
ANSWER_SHOWN = 1200
"""Characters of an answer that the page shows."""
COMPARISONS_SHOWN = 40
GROUPS_BESIDE = 9
POINTS_SHOWN = 1000
_TINTS = 4
SIGNS: dict[Outcome | None, str] = {
    Outcome.CORRECT: "✓",
    Outcome.WRONG: "✗",
    Outcome.UNPARSED: "?",
    Outcome.TRUNCATED: "…",
    Outcome.FAILED: "!",
    None: "·",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A result under the name by which the page calls it."""

    backbone: str
    column: Column
    result: RunResult

    @property
    def label(self) -> str:
        """Backbone and setting, as in "Qwen3-8B hears"."""
        variant = f" ({self.column.variant})" if self.column.variant else ""
        return f"{self.backbone} {VERBS[self.column.setting]}{variant}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One item with what every run answered."""

    item: ItemResult
    answers: Sequence[tuple[Run, ItemResult]]

    @property
    def disagrees(self) -> bool:
        """Whether two extractors read different options from one of the answers."""
        return any(len(set(each.score.votes.values())) > 1 for _, each in self.answers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One benchmark: its runs, its groups, its items."""

    benchmark: str
    runs: Sequence[Run]

    @property
    def first(self) -> RunResult:
        """Any of the results, for what they share."""
        return self.runs[0].result

    @property
    def lead(self) -> tuple[str, dict[str, Tally]]:
        """The breakdown whose groups stand beside the totals, with its key: the first, if it has few enough."""
        key, groups = next(iter(self.first.breakdowns.items()), ("", dict[str, Tally]()))
        return (key, groups) if len(groups) <= GROUPS_BESIDE else ("", {})

    @property
    def rest(self) -> dict[str, dict[str, Tally]]:
        """The breakdowns with a table of their own."""
        return {key: groups for key, groups in self.first.breakdowns.items() if key != self.lead[0]}

    @property
    def items(self) -> list[Asked]:
        """The items that the page lists."""
        by_id = [{item.id: item for item in run.result.items} for run in self.runs]
        return [
            Asked(
                item=item,
                answers=[(run, ids[item.id]) for run, ids in zip(self.runs, by_id, strict=True) if item.id in ids],
            )
            for item in self.first.items[:ITEMS_SHOWN]
        ]


def page(experiment: Experiment) -> str:
    """Returns the page."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    table = summary.grid(experiment)
    compared = summary.comparisons(experiment)
    return environment.get_template("page.html.jinja").render(
        experiment=experiment,
        table=table,
        title=summary.title(table) if table.cells else experiment.name,
        findings=list(summary.findings(table)),
        widest=summary.widest(table),
        css=Markup((_HERE / "report.css").read_text(encoding="utf-8")),
        bars=_bars(table),
        loss=_loss(experiment),
        keys=_keys(table),
        sections=_sections(table),
        runs=[Run(backbone=name, column=column, result=result) for (name, column), result in table.cells.items()],
        compared=compared[:COMPARISONS_SHOWN],
        num_compared=len(compared),
        audit=summary.audit,
        verdict=summary.verdict,
        interval=_interval,
        percent=summary.percent,
        bracket=summary.bracket,
        shade=_shade,
        clip=_clip,
        letters=LETTERS,
        signs=SIGNS,
        verbs=VERBS,
        items_shown=ITEMS_SHOWN,
    )


def _sections(table: Grid) -> list[Section]:
    """Returns the runs by benchmark file, a benchmark of another version being another benchmark."""
    by_file: dict[tuple[str, str], list[Run]] = {}
    for column in table.columns:
        for name, result in table.column(column):
            key = (result.benchmark, result.benchmark_sha256)
            by_file.setdefault(key, []).append(Run(backbone=name, column=column, result=result))
    return [Section(benchmark=benchmark, runs=runs) for (benchmark, _), runs in by_file.items()]


def _keys(table: Grid) -> dict[str, str]:
    """Returns the letter that stands for each backbone in the figure; none for a single one."""
    if len(table.backbones) == 1:
        return {table.backbones[0]: ""}
    return {name: LETTERS[index % 26] + str(index // 26 or "") for index, name in enumerate(table.backbones)}


def _bars(table: Grid) -> Markup:
    keys = _keys(table)
    notes: dict[Setting, str] = {"text": "text alone", "cascade": "a captioner’s words", "audio": "the clip itself"}
    bands: list[chart.Band] = []
    for setting in summary.settings(table):
        clusters = [
            cluster
            for column in table.columns
            if column.setting == setting and (cluster := _cluster(table, column, keys))
        ]
        if clusters:
            bands.append(chart.Band(name=VERBS[setting], note=notes[setting], clusters=clusters))
    if not bands:
        return Markup("")
    return chart.bars(bands, "The same numbers stand in the table that follows.")


def _cluster(table: Grid, column: Column, keys: dict[str, str]) -> chart.Cluster | None:
    scored = [(name, result) for name, result in table.column(column) if result.total.n]
    if not scored:
        return None
    bars = [
        chart.Bar(
            key=keys[name],
            name=f"{name}, {column.benchmark}",
            value=result.total.accuracy,
            interval=_interval(result.total),
            tint=table.backbones.index(name) % _TINTS,
        )
        for name, result in scored
    ]
    note = f"n = {scored[0][1].total.n}" + (f", {column.variant}" if column.variant else "")
    return chart.Cluster(name=column.benchmark, note=note, bars=bars, chance=scored[0][1].chance)


def _loss(experiment: Experiment) -> Markup:
    series = [
        chart.Series(name=name, points=[(point.step, point.loss) for point in _thinned(points)], sparse=sparse)
        for name, points, sparse in (("training", experiment.curve, False), ("held out", experiment.held_out, True))
        if points
    ]
    if not series:
        return Markup("")
    ends = "; ".join(f"{each.name} from {each.points[0][1]:.2f} to {each.points[-1][1]:.2f}" for each in series)
    return chart.lines(series, f"Loss in nats per token: {ends}.", "optimiser step", "nats per token")


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Returns at most about `POINTS_SHOWN` of the points, evenly taken, the last among them."""
    stride = -(-len(points) // POINTS_SHOWN)
    return [*points[:-1:stride], points[-1]]


def _interval(total: Tally) -> summary.Interval:
    return wilson(total.correct, total.n)


def _shade(value: float, chance: float | None) -> str:
    """Returns how far a share has come from chance to perfect, from 0.00 to 1.00, for the style sheet."""
    if value != value or chance is None or chance >= 1:
        return "0.00"
    return f"{min(1.0, max(0.0, (value - chance) / (1 - chance))):.2f}"


def _clip(text: str) -> str:
    return text if len(text) <= ANSWER_SHOWN else f"{text[:ANSWER_SHOWN]} … ({len(text)} characters in all)"
