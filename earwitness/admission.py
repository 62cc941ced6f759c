"""Admission: how many calls a server works on at once, and the refusal of the one too many.

Sweeps may take a share of the places alone, so that an interactive call finds one under a sweep's load. The limit lies
below Ray Serve's own, whose refusal carries no hint of when to try again.
"""

from collections.abc import Generator
from contextlib import contextmanager

from earwitness import calls, metrics
from earwitness.errors import Overloaded
from earwitness.metrics.declared import IN_FLIGHT, PLACES

SWEEP_SHARE = 0.75


class Admission:
    """Counts the calls in flight, each weighed by its items. For one event loop; not for threads."""

    def __init__(self, limit: int, retry_after_s: float = 1.0, *, sweep_share: float = SWEEP_SHARE) -> None:
        """Has `limit` places, of which sweeps may hold a share: at least one place."""
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.sweep_limit = max(1, int(limit * sweep_share))
        self.in_flight = 0
        """Items worked on, those of sweeps among them."""
        self._sweeps = 0
        reported = metrics.current()
        reported.watch(PLACES, lambda: self.limit)
        reported.watch(IN_FLIGHT, lambda: self.in_flight - self._sweeps, "interactive")
        reported.watch(IN_FLIGHT, lambda: self._sweeps, "sweep")

    @contextmanager
    def slot(self, items: int = 1) -> Generator[None]:
        """Holds room for the current call's items, or raises Overloaded at once.

        An idle server admits a call of any size, and so does an idle share; no sweep counts for more than the share.
        """
        is_sweep = calls.current().priority == "sweep"
        if self.in_flight:
            self._require_room(items, is_sweep=is_sweep)
        self.in_flight += items
        self._sweeps += items * is_sweep
        try:
            yield
        finally:
            self.in_flight -= items
            self._sweeps -= items * is_sweep

    def _require_room(self, items: int, *, is_sweep: bool) -> None:
        people, sweeps = self.in_flight - self._sweeps, self._sweeps
        if is_sweep and sweeps and sweeps + items > self.sweep_limit:
            raise self._overloaded(sweeps, self.sweep_limit)
        people, sweeps = (people, sweeps + items) if is_sweep else (people + items, sweeps)
        if people + min(sweeps, self.sweep_limit) > self.limit:
            raise self._overloaded(self.in_flight, self.limit)

    def _overloaded(self, taken: int, limit: int) -> Overloaded:
        remedy = f"try again in {self.retry_after_s:g} s"
        return Overloaded(f"{taken} of {limit} places are taken", "", remedy, self.retry_after_s)
