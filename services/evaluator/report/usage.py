"""What the runs took: time, tokens, audio, GPU-seconds and dollars, and what failed or had to be repeated.

None of it is a result: it changes from one start to the next, and stands after the results in a section of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.evaluator.cost import Cost
from services.evaluator.report.grid import Grid, Run
from services.evaluator.result import Experiment, Usage

Costs = Mapping[str, Cost]
"""What each run cost, by its answers file. Whoever started the runs knows their prices and GPUs; the results do not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """What one run, or all runs of a benchmark, took."""

    name: str
    benchmark: str
    wall_s: float = 0.0
    asked: int = 0
    reused: int = 0
    retries: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    audio_s: float = 0.0
    captions: int = 0
    cost: Cost | None = None
    """None if it is not known."""

    @property
    def items_per_s(self) -> float | None:
        """Answers that were asked for, per second; None if none were."""
        return self.asked / self.wall_s if self.asked and self.wall_s > 0 else None


def used(experiment: Experiment, table: Grid, costs: Costs) -> list[Used]:
    """Returns what each run took, in the order of the report; runs of which that is not known are left out."""
    by_answers = {each.answers: each for each in experiment.usage}
    return [_used(run, by_answers[run.result.answers], costs) for run in table.runs if run.result.answers in by_answers]


def totals(rows: Sequence[Used]) -> list[Used]:
    """Returns the sums of the runs of each benchmark."""
    benchmarks = dict.fromkeys(row.benchmark for row in rows)
    return [_sum(benchmark, [row for row in rows if row.benchmark == benchmark]) for benchmark in benchmarks]


def _used(run: Run, usage: Usage, costs: Costs) -> Used:
    return Used(
        name=run.label,
        benchmark=run.column.benchmark,
        cost=costs.get(usage.answers),
        **{name: getattr(usage, name) for name in _SUMMED},
    )


def _sum(benchmark: str, rows: Sequence[Used]) -> Used:
    return Used(
        name=benchmark,
        benchmark=benchmark,
        cost=_costs(row.cost for row in rows),
        **{name: sum(getattr(row, name) for row in rows) for name in _SUMMED},
    )


def _costs(costs: Iterable[Cost | None]) -> Cost | None:
    known = list(costs)
    if all(cost is None for cost in known):
        return None
    return sum((cost or Cost(usd=None) for cost in known), Cost())


_SUMMED = tuple(name for name in Used.__dataclass_fields__ if name not in ("name", "benchmark", "cost"))
