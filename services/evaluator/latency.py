"""A histogram of durations, cheap enough to feed with every call. For one event loop, not for threads."""

from bisect import bisect_left

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""From an echo on the same machine to a call's own deadline."""


class Latency:
    """How many calls took how long."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        """By the first bound that a duration does not pass; the last is of those that pass all."""
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Counts one call."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def merge(self, other: "Latency") -> None:
        """Counts all that another has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total_s += other.total_s

    @property
    def cumulative(self) -> list[tuple[str, float]]:
        """Pairs of a bound and the number of calls that took no longer, up to `+Inf`, as Prometheus wants them."""
        pairs: list[tuple[str, float]] = []
        seen = 0
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True):
            seen += count
            pairs.append((bound, seen))
        return pairs
