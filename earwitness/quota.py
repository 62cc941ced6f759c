"""A caller's share of one server: requests at once, and requests in a minute. What is beyond is refused at once."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from earwitness.callers import Caller
from earwitness.errors import QuotaExceeded

RETRY_AFTER_S = 1.0


class Quota:
    """Counts one caller's requests. For one event loop; not for threads.

    A caller may use a minute's requests in one go; they come back evenly over the next minute (a leaky bucket). One
    who has none outstanding may send a batch of any size, else one larger than the quota could never be sent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.in_flight = 0
        self._clock = clock
        self._spent, self._as_of = 0.0, clock()

    @contextmanager
    def slot(self, caller: Caller, items: int = 1) -> Generator[None]:
        """Holds a call's items within the caller's limits of now, or raises QuotaExceeded and spends nothing."""
        self._refuse_too_many(caller, items)
        self._refuse_too_fast(caller, items)
        self._spent += items
        self.in_flight += items
        try:
            yield
        finally:
            self.in_flight -= items

    def _refuse_too_many(self, caller: Caller, items: int) -> None:
        limit = caller.max_in_flight
        if limit and self.in_flight and self.in_flight + items > limit:
            text = f"{self.in_flight} of its {limit} requests at once are in flight"
            raise QuotaExceeded(text, caller.name, f"try again in {RETRY_AFTER_S:g} s", RETRY_AFTER_S)

    def _refuse_too_fast(self, caller: Caller, items: int) -> None:
        now, limit = self._clock(), caller.requests_per_minute
        if not limit:
            self._spent = 0.0
            return
        self._spent = max(0.0, self._spent - (now - self._as_of) * limit / 60)
        self._as_of = now
        if self._spent and self._spent + items > limit:
            wait_s = (self._spent + min(items, limit) - limit) * 60 / limit
            text = f"its {limit} requests a minute are spent"
            raise QuotaExceeded(text, caller.name, f"try again in {wait_s:.3g} s", wait_s)
