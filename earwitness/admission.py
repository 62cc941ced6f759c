"""Admission: how many calls a server works on at once, and the refusal of the one too many.

The limit lies below Ray Serve's own, whose refusal carries no hint of when to try again.
"""

from collections.abc import Generator
from contextlib import contextmanager

from earwitness.errors import Overloaded


class Admission:
    """Counts the calls in flight, each weighed by its items. For one event loop; not for threads."""

    def __init__(self, limit: int, retry_after_s: float = 1.0) -> None:
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.in_flight = 0

    @contextmanager
    def slot(self, items: int = 1) -> Generator[None]:
        """Holds room for a call's items, or raises Overloaded at once. An idle server admits a call of any size."""
        if self.in_flight and self.in_flight + items > self.limit:
            remedy = f"try again in {self.retry_after_s:g} s"
            raise Overloaded(f"{self.in_flight} of {self.limit} places are taken", "", remedy, self.retry_after_s)
        self.in_flight += items
        try:
            yield
        finally:
            self.in_flight -= items
