"""From laps to verdicts: ratios pair by pair, and the bound below which their median hardly lies."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.bench.figures import Spread


@dataclass(frozen=True, kw_only=True, slots=True)
class Lap:
    """One side's work in one round."""

    items: int
    seconds: float
    cpu_s: float
    """Of all processes of this side."""
    idle_cpu_s: float
    """Of the other side's meanwhile."""

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.items / self.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Both sides of a round."""

    served: Lap
    bare: Lap
    same: int
    """Items to which both gave the same answer."""

    @property
    def ratio(self) -> float:
        """The served side's items per second as a multiple of the bare one's."""
        return self.served.rate / self.bare.rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """All rounds of one task."""

    title: str
    wanted: float
    """The least ratio."""
    pairs: Sequence[Pair]

    @property
    def ratio(self) -> Spread:
        """The ratios of the rounds."""
        return Spread.of(pair.ratio for pair in self.pairs)

    @property
    def bound(self) -> float:
        """The lower 95 % bound of the median ratio."""
        return lower_bound([pair.ratio for pair in self.pairs])

    @property
    def met(self) -> bool:
        """Whether even the bound is what is wanted."""
        return self.bound >= self.wanted


def lower_bound(values: Sequence[float]) -> float:
    """Returns the lower end of the 95 % interval of the median, by the bootstrap over values: of five, the least."""
    import numpy as np

    from services.evaluator.stats.intervals import bootstrap

    return bootstrap(lambda drawn: np.median(drawn[..., 0], axis=1), [[value] for value in values]).low


def upper_bound(values: Sequence[float]) -> float:
    """Returns the upper end of that interval."""
    return -lower_bound([-value for value in values])
