"""Two runs over the same items, item by item: what changed, whether that can be luck, and a gate that fails on a loss.

Only `correct` counts as right: an item that was not read, or whose call failed, counts as not right in either run, and
failed calls are counted beside it. Items whose answer is withheld are in no denominator.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from earwitness.errors import InvalidInput
from services.evaluator.items import Outcome
from services.evaluator.measurement import SIGNS
from services.evaluator.result import RunResult
from services.evaluator.stats import Interval, Paired, exact, holm, newcombe, smallest_drop, worse

_CORRECT, _FAILED, _WITHHELD = SIGNS[Outcome.CORRECT], SIGNS[Outcome.FAILED], SIGNS[None]
Reason = Literal[
    "no drop", "drop within luck", "drop within what is allowed", "too few changes to tell", "drop", "failed calls"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two runs differ over n items that both were asked."""

    n: int
    first: int
    """Items that the first run got right."""
    second: int
    paired: Paired
    adjusted_p: float
    """Holm's, over the groups that stand beside this one; the plain p-value where none do."""
    interval: Interval
    """Of the first run's accuracy less the second's, by Newcombe's method for pairs."""

    @property
    def value(self) -> float:
        """The first run's accuracy less the second's, in [-1, 1]; 0 without an item."""
        return (self.first - self.second) / self.n if self.n else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two runs over the same items."""

    total: Difference
    groups: dict[str, dict[str, Difference]]
    """By key, then by group, as the items were grouped."""
    only_first: tuple[int, ...]
    """The places, from 0, of the items that only the first run got right."""
    only_second: tuple[int, ...]
    failed: tuple[int, int]
    """How many calls failed in each run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a candidate may replace a baseline."""

    passed: bool
    reason: Reason
    comparison: Comparison
    """The candidate is the first run, the baseline the second."""
    p: float
    """One-sided and exact: the chance that luck alone loses so many of the items on which the two differ."""
    smallest_drop: float | None
    """The smallest drop, as a share, that these items could have shown; None if there are too few of them for any."""

    @property
    def drop(self) -> float:
        """The baseline's accuracy less the candidate's; negative for a gain."""
        return -self.comparison.total.value

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        total, failed = self.comparison.total, self.comparison.failed[0]
        luck = f"p = {self.p:.2g}" if self.p >= 0.0001 else "p < 0.0001"
        calls = f"; {failed} of the candidate's calls failed" if failed else ""
        shown = "so few items could have shown no drop"
        if self.smallest_drop is not None:
            shown = f"the smallest drop that these items could have shown is {100 * self.smallest_drop:.2g} points"
        return (
            f"{'Passed' if self.passed else 'Failed'}, {self.reason}: {total.paired.only_second} items lost and "
            f"{total.paired.only_first} gained of {total.n}, {-100 * self.drop:+.1f} points ({luck} for a loss by "
            f"luck){calls}; {shown}."
        )


def compare(first: RunResult, second: RunResult, groups: Sequence[Mapping[str, str]] = ()) -> Comparison:
    """Returns how two runs over the same items differ, overall and, given each item's groups, for each group.

    `groups` is in the benchmark's order, as `Item.groups` are. Raises `InvalidInput` for runs over different items, or
    with different denominators.
    """
    _check(first, second)
    a, b = first.outcomes, second.outcomes
    if groups and len(groups) != len(a):
        raise InvalidInput(f"{len(groups)} groups for {len(a)} items", "groups", "give those of every item, in order")
    places = [place for place, outcome in enumerate(a) if outcome != _WITHHELD]
    keys = dict.fromkeys(key for place in places for key in (groups[place] if groups else ()))
    return Comparison(
        total=_difference(Counter((a[place] == _CORRECT, b[place] == _CORRECT) for place in places)),
        groups={key: _by_group(key, a, b, places, groups) for key in keys},
        only_first=tuple(place for place in places if a[place] == _CORRECT != b[place]),
        only_second=tuple(place for place in places if b[place] == _CORRECT != a[place]),
        failed=(a.count(_FAILED), b.count(_FAILED)),
    )


def gate(candidate: RunResult, baseline: RunResult, *, max_drop_points: float = 0.0, alpha: float = 0.05) -> Verdict:
    """Returns whether a candidate passes: it fails if it drops by more than `max_drop_points`, and not by luck.

    Luck is the exact one-sided McNemar test at `alpha`. Passing does not mean that nothing was lost: `smallest_drop`
    says what could have been seen. A drop that vanishes without the items whose calls failed fails as "failed calls".
    Raises as `compare` does.
    """
    if max_drop_points < 0 or not 0 < alpha < 1:
        text = f"{max_drop_points:g} points at alpha {alpha:g}"
        raise InvalidInput(text, "gate", "give a drop of 0 points or more, and an alpha between 0 and 1")
    comparison = compare(candidate, baseline)
    reason = _reason(comparison.total, max_drop_points, alpha)
    if reason == "drop":
        answered = _answered(candidate, baseline)
        reason = reason if _reason(answered, max_drop_points, alpha) == "drop" else "failed calls"
    paired = comparison.total.paired
    return Verdict(
        passed=reason not in ("drop", "failed calls"),
        reason=reason,
        comparison=comparison,
        p=worse(paired.only_first, paired.only_second),
        smallest_drop=smallest_drop(comparison.total.n, paired.only_first + paired.only_second, alpha),
    )


def _reason(total: Difference, max_drop_points: float, alpha: float) -> Reason:
    gained, lost = total.paired.only_first, total.paired.only_second
    if lost <= gained:
        return "no drop"
    if worse(gained, lost) < alpha:
        return "drop" if -100 * total.value > max_drop_points else "drop within what is allowed"
    return "drop within luck" if worse(0, gained + lost) < alpha else "too few changes to tell"


def _answered(first: RunResult, second: RunResult) -> Difference:
    """Returns the difference over the items for which no call failed."""
    pairs = zip(first.outcomes, second.outcomes, strict=True)
    return _difference(
        Counter((a == _CORRECT, b == _CORRECT) for a, b in pairs if a != _WITHHELD and _FAILED not in (a, b))
    )


def _by_group(
    key: str, a: str, b: str, places: Sequence[int], groups: Sequence[Mapping[str, str]]
) -> dict[str, Difference]:
    counts: dict[str, Counter[tuple[bool, bool]]] = {}
    for place in places:
        label = groups[place].get(key)
        if label is not None:
            counts.setdefault(label, Counter())[a[place] == _CORRECT, b[place] == _CORRECT] += 1
    found = {label: _difference(count) for label, count in counts.items()}
    adjusted = holm([difference.paired.p for difference in found.values()])
    return {
        label: replace(difference, adjusted_p=p) for (label, difference), p in zip(found.items(), adjusted, strict=True)
    }


def _difference(counts: Counter[tuple[bool, bool]]) -> Difference:
    both, only_first, only_second = counts[True, True], counts[True, False], counts[False, True]
    paired = exact(only_first, only_second)
    return Difference(
        n=counts.total(),
        first=both + only_first,
        second=both + only_second,
        paired=paired,
        adjusted_p=paired.p,
        interval=newcombe(both, only_first, only_second, counts[False, False]),
    )


def _check(first: RunResult, second: RunResult) -> None:
    if first.benchmark_sha256 != second.benchmark_sha256:
        text = (
            f"{first.benchmark} ({first.benchmark_sha256[:8]}) and {second.benchmark} ({second.benchmark_sha256[:8]}) "
            "have different items"
        )
        raise InvalidInput(text, "benchmark", "give two runs over one file of items")
    if _withheld(first) != _withheld(second):
        text = f"the runs were scored on different items, {first.total.n} and {second.total.n} of them"
        raise InvalidInput(text, "outcomes", "score both runs anew, with the same version of Earwitness")
    if not first.total.n:
        raise InvalidInput("no item was scored", "outcomes", "compare over a benchmark whose answers are known")


def _withheld(run: RunResult) -> tuple[int, tuple[int, ...]]:
    """Returns what decides a run's denominator: how many items it has, and the places of those that are withheld."""
    return len(run.outcomes), tuple(place for place, sign in enumerate(run.outcomes) if sign == _WITHHELD)
