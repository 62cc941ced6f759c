"""Fan-out: many items at once, each tried until it succeeds or has failed for good; no item can stop the others."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from earwitness.errors import (
    DeadlineExceeded,
    EarwitnessError,
    InvalidInput,
    NotFound,
    NotReady,
    Overloaded,
)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often a call is tried, and how long to wait in between."""

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0

    def wait_s(self, attempt: int, error: EarwitnessError) -> float:
        """Returns the wait after a failed attempt, counted from 1: doubling, jittered, no less than was asked for."""
        wait = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s) * random.uniform(0.5, 1.0)
        return max(wait, error.retry_after_s) if isinstance(error, Overloaded) else wait


def is_retriable(error: EarwitnessError) -> bool:
    """Says whether the same call may succeed later.

    An INTERNAL counts as such: Ray Serve gives it for a replica that died under a call.
    """
    return not isinstance(error, InvalidInput | NotFound | NotReady | DeadlineExceeded)


async def persist(call: Callable[[], Awaitable[R]], retries: Retries) -> R:
    """Calls until it succeeds; raises the last error of a call that cannot, or that failed too often."""
    for attempt in range(1, retries.attempts + 1):
        try:
            return await call()
        except EarwitnessError as error:
            if attempt == retries.attempts or not is_retriable(error):
                raise
            await asyncio.sleep(retries.wait_s(attempt, error))
    raise AssertionError("unreachable: the last attempt returns or raises")


async def fan_out(items: Iterable[T], work: Callable[[T], Awaitable[None]], in_flight: int) -> None:
    """Works on the items, `in_flight` of them at a time, in order of their start. Memory does not grow with the items.

    `work` is expected to record an item's failure itself: what it raises first ends the whole, and is raised.
    """
    iterator = iter(items)

    async def worker() -> None:
        for item in iterator:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
