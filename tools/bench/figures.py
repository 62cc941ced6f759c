"""From measurements to figures: medians with their spread, ratios round by round, and what they should be."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Clock = Literal["own", "process", "server"]
"""Who says how long it took: the harness itself, whoever started its process, or the server, from the first question
to the last answer, which leaves out the harness's start, its preparation and its report."""
OURS, FLOOR = "Earwitness", "bare client"
JUDGED_IN_FLIGHT = 256
WANTED: dict[tuple[str, str], tuple[float, tuple[Clock, ...]]] = {
    ("akb", FLOOR): (0.9, ("own",)),
    ("akb", "lm-eval"): (3.0, ("own", "process")),
    ("akb", "inspect-ai"): (25.0, ("own", "process")),
    ("mmau", "inspect-ai"): (10.0, ("own",)),  # of seconds of asking, a process's start and end are a quarter
}
"""By benchmark and harness: the least ratio of Earwitness's items per second to its, and the clocks that must show it.
The bare client writes no report, so its process is no measure of one that does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lap:
    """One measurement."""

    name: str
    wire: str
    benchmark: str
    in_flight: int
    round: int
    items: int
    own_s: float
    process_s: float
    server_s: float
    cpu_s: float
    """Of the harness's processes."""
    peak_rss: int
    written: int
    """Bytes of logs and results."""
    mock_cpu_s: float
    mock_peak: int
    """The most questions that were with the mock at one time."""

    def seconds(self, clock: Clock) -> float:
        """Returns the time by a clock."""
        return {"own": self.own_s, "process": self.process_s, "server": self.server_s}[clock]

    def rate(self, clock: Clock) -> float:
        """Returns items per second by a clock."""
        return self.items / self.seconds(clock)

    @property
    def mock_load(self) -> float:
        """The mock's CPU time, as a share of the time in which it was asked."""
        return self.mock_cpu_s / self.server_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A median with its extremes."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarises at least one value."""
        ordered = sorted(values)
        return cls(median=statistics.median(ordered), low=ordered[0], high=ordered[-1], count=len(ordered))

    def text(self, decimals: int = 0) -> str:
        """Returns `median [low, high]`, or the one value there is."""
        shown = [f"{value:,.{decimals}f}" for value in (self.median, self.low, self.high)]
        return f"{shown[0]} [{shown[1]}, {shown[2]}]" if self.count > 1 else shown[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Earwitness over one wire against another harness: ratios of items per second."""

    benchmark: str
    in_flight: int
    wire: str
    against: str
    ratios: dict[Clock, Spread]
    wanted: float | None
    """The least ratio; None where it is reported and not judged."""
    judged_by: tuple[Clock, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether every clock that judges shows a median of at least `wanted`; None where nothing is wanted."""
        if self.wanted is None:
            return None
        return all(self.ratios[clock].median >= self.wanted for clock in self.judged_by)


def groups(laps: Sequence[Lap]) -> dict[tuple[str, int], list[list[Lap]]]:
    """Returns by benchmark and number in flight each contestant's laps, in the order in which they were first run."""
    found: dict[tuple[str, int], dict[tuple[str, str], list[Lap]]] = {}
    for lap in laps:
        found.setdefault((lap.benchmark, lap.in_flight), {}).setdefault((lap.name, lap.wire), []).append(lap)
    return {key: list(contestants.values()) for key, contestants in found.items()}


def compare(laps: Sequence[Lap]) -> list[Comparison]:
    """Compares Earwitness with every other harness that was asked the same; with a bare client over the same wire."""
    comparisons: list[Comparison] = []
    for (benchmark, in_flight), contestants in groups(laps).items():
        for ours in (laps for laps in contestants if laps[0].name == OURS):
            for theirs in (laps for laps in contestants if laps[0].name != OURS):
                name, wire = theirs[0].name, theirs[0].wire
                pairs = _rounds(ours, theirs)
                if not pairs or (name == FLOOR and wire != ours[0].wire):
                    continue
                ratios: dict[Clock, Spread] = {
                    clock: Spread.of(mine.rate(clock) / other.rate(clock) for mine, other in pairs)
                    for clock in ("own", "process", "server")
                }
                wanted, judges = WANTED.get((benchmark, name.split(",")[0]), (None, ()))
                comparisons.append(
                    Comparison(
                        benchmark=benchmark,
                        in_flight=in_flight,
                        wire=ours[0].wire,
                        against=name,
                        ratios=ratios,
                        wanted=wanted if in_flight == JUDGED_IN_FLIGHT else None,
                        judged_by=judges,
                    )
                )
    return comparisons


def _rounds(ours: Sequence[Lap], theirs: Sequence[Lap]) -> list[tuple[Lap, Lap]]:
    """Pairs the laps of the rounds that both ran."""
    other = {lap.round: lap for lap in theirs}
    return [(lap, other[lap.round]) for lap in ours if lap.round in other]
