"""Runs over the same items, two by two: tests between runs, controls beside what they control, samples together.

All from the runs' outcomes, one character per item. An item that was not read counts as not correct.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from services.evaluator.items import Outcome
from services.evaluator.measurement import SIGNS
from services.evaluator.report.grid import Grid, Run
from services.evaluator.result import RunResult
from services.evaluator.stats import Interval, Paired, exact, holm, newcombe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CORRECT, _WITHHELD = ord(SIGNS[Outcome.CORRECT]), ord(SIGNS[None])
_WAYS = ("prompt", "answering", "captioner", "caption_prompt", "checkpoint", "control", "rotation")
"""How a run asks, its sample left out."""
_INSTEAD = {"text": ("text", "audio", "cascade"), "cascade": ("cascade",), "audio": ("audio",)}
"""Where a control's counterpart is looked for: a question asked in text, blind, was meant to be heard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two runs over the same items."""

    first: Run
    second: Run
    n: int
    paired: Paired
    interval: Interval
    """Of the first run's accuracy less the second's, by Newcombe's method for pairs."""
    adjusted_p: float
    """Holm's, over all comparisons that were made together."""

    @property
    def value(self) -> float:
        """The first run's accuracy less the second's, in [-1, 1]."""
        return (self.paired.only_first - self.paired.only_second) / self.n

    @property
    def discordance(self) -> float:
        """The share of items that just one of the runs got right."""
        return (self.paired.only_first + self.paired.only_second) / self.n


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """One run asked several times, with another seed each time."""

    run: Run
    """The first of them."""
    accuracies: tuple[float, ...]
    steady: int
    """Items with the same outcome each time."""
    n: int

    @property
    def mean(self) -> float:
        """Of the accuracies."""
        return fmean(self.accuracies)

    @property
    def sd(self) -> float:
        """The standard deviation of the accuracies, with one degree of freedom less than there are samples."""
        return stdev(self.accuracies)


def comparisons(table: Grid) -> list[Comparison]:
    """Returns McNemar's test for each two runs over the same items that differ in the backbone or else in the setting.

    The most telling come first. Controls and further samples are left out: they stand beside their own runs.
    """
    pairs = [
        (first, second)
        for first, second in combinations([run for run in table.main_runs if not run.column.is_side], 2)
        if _comparable(first.result, second.result)
        and (first.column.setting == second.column.setting or first.backbone == second.backbone)
    ]
    return sorted(_compared(pairs), key=lambda each: each.paired.p)


def controls(table: Grid) -> list[Comparison]:
    """Returns each control beside the run that it controls: the run first, then the control."""
    pairs: list[tuple[Run, Run]] = []
    for run in table.runs:
        if run.result.control == "none":
            continue
        bases = [other for other in table.runs if _is_base(other, run) and _comparable(other.result, run.result)]
        ways = _INSTEAD[run.column.setting]
        bases.sort(key=lambda base: (ways.index(base.column.setting), _unlike(base.result, run.result)))
        pairs += [(base, run) for base in bases[:1]]
    return _compared(pairs)


def samples(table: Grid) -> list[Samples]:
    """Returns the runs that were asked more than once."""
    import numpy as np

    same: dict[tuple[object, ...], list[Run]] = {}
    for run in table.runs:
        asked = run.backbone, run.column.setting, run.column.sha256, *(getattr(run.result, name) for name in _WAYS)
        same.setdefault(asked, []).append(run)
    found: list[Samples] = []
    for runs in same.values():
        runs.sort(key=lambda run: run.result.sample)
        scored = [run for run in runs if run.result.total.n]
        if len(scored) < 2:
            continue
        signs = np.stack([_signs(run.result) for run in scored])
        kept = signs[:, signs[0] != _WITHHELD]
        found.append(
            Samples(
                run=scored[0],
                accuracies=tuple(run.result.total.accuracy for run in scored),
                steady=int((kept == kept[0]).all(axis=0).sum()),
                n=kept.shape[1],
            )
        )
    return found


def _is_base(other: Run, run: Run) -> bool:
    same = other.backbone == run.backbone and other.result.control == "none"
    return same and other.column.setting in _INSTEAD[run.column.setting]


def _unlike(base: RunResult, control: RunResult) -> int:
    """Returns in how many ways a run was asked otherwise than its control."""
    return sum(getattr(base, name) != getattr(control, name) for name in (*_WAYS, "sample"))


def _comparable(first: RunResult, second: RunResult) -> bool:
    """Whether two runs were scored on the same items, at least one of them."""
    same = first.benchmark_sha256 == second.benchmark_sha256 and len(first.outcomes) == len(second.outcomes)
    return same and first.total.n == second.total.n > 0


def _compared(pairs: Sequence[tuple[Run, Run]]) -> list[Comparison]:
    import numpy as np

    right = {id(run.result): _signs(run.result) == _CORRECT for pair in pairs for run in pair}
    tests: list[tuple[Paired, Interval]] = []
    for first, second in pairs:
        a, b, n = right[id(first.result)], right[id(second.result)], first.result.total.n
        both = int(np.count_nonzero(a & b))
        only_a, only_b = int(np.count_nonzero(a)) - both, int(np.count_nonzero(b)) - both
        tests.append((exact(only_a, only_b), newcombe(both, only_a, only_b, n - both - only_a - only_b)))
    adjusted = holm([paired.p for paired, _ in tests])
    return [
        Comparison(first=first, second=second, n=first.result.total.n, paired=paired, interval=interval, adjusted_p=p)
        for (first, second), (paired, interval), p in zip(pairs, tests, adjusted, strict=True)
    ]


def _signs(result: RunResult) -> "NDArray[np.uint8]":
    import numpy as np

    return np.frombuffer(result.outcomes.encode(), dtype=np.uint8)
