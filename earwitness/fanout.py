"""Fan-out: many items at once, each tried until it succeeds or has failed for good; no item can stop the others.

A target that answers nobody any more does: its `Budget` ends the run, which would else record every item as failed.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from earwitness.errors import (
    DeadlineExceeded,
    EarwitnessError,
    InvalidInput,
    NotFound,
    NotReady,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)

T = TypeVar("T")
R = TypeVar("R")
GIVE_UP_AFTER_S = 300.0
LONGEST_ASKED_S = 120.0
FEWEST_FAILURES = 8
"""More than one item is tried, so that none ends a run by itself."""


class Outage(Unavailable):
    """A target has answered nobody for so long that the run had better end; not to be recorded as an item's failure."""


class Budget:
    """What a run may spend on the failures of one target, and the count of what it did. For one event loop."""

    def __init__(
        self, target: str = "", *, give_up_after_s: float = GIVE_UP_AFTER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`target` names it in the error; `give_up_after_s` counts from the first failure since the last success."""
        self.target = target
        self.retries = 0
        """Tries after a first one."""
        self._give_up_after_s = give_up_after_s
        self._clock = clock
        self._failures, self._failing_since = 0, 0.0

    def succeeded(self) -> None:
        """Counts a success: the target is there."""
        self._failures = 0

    def failed(self, error: EarwitnessError) -> None:
        """Counts a failure that may pass; raises Outage where there was nothing else for too long."""
        now = self._clock()
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        if self._failures < FEWEST_FAILURES or now - self._failing_since < self._give_up_after_s:
            return
        text = f"has not answered for {self._give_up_after_s:g} s; its last words: {error}"
        raise Outage(text, self.target, "start the same command again: what was answered is kept") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often a call is tried, and how long to wait in between."""

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0

    def wait_s(self, attempt: int, error: EarwitnessError) -> float:
        """Returns the wait after a failed attempt, counted from 1: doubling, jittered, no less than was asked for.

        What a server asks for beyond `LONGEST_ASKED_S` is not waited for.
        """
        wait = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s) * random.uniform(0.5, 1.0)
        return max(wait, min(error.retry_after_s, LONGEST_ASKED_S)) if isinstance(error, Overloaded) else wait


def is_retriable(error: EarwitnessError) -> bool:
    """Says whether the same call may succeed later.

    An INTERNAL, UNKNOWN or CANCELLED counts as such: Ray Serve gives one for a replica that died under a call.
    """
    return not isinstance(error, InvalidInput | NotFound | NotReady | Unauthenticated | PermissionDenied | Outage)


async def persist(
    call: Callable[[], Awaitable[R]],
    retries: Retries,
    budget: Budget | None = None,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> R:
    """Calls until it succeeds; raises the last error of a call that cannot, or that failed too often.

    A deadline that passed is given one more chance, then taken for the call's own fault. Raises Outage where the
    `budget`, which also counts the retries, is spent.
    """
    budget = budget or Budget()
    deadlines = 0
    for attempt in range(1, retries.attempts + 1):
        try:
            value = await call()
        except EarwitnessError as error:
            if not is_retriable(error):
                raise
            budget.failed(error)
            deadlines += isinstance(error, DeadlineExceeded)
            if attempt == retries.attempts or deadlines > 1:
                raise
            wait_s = retries.wait_s(attempt, error)
        else:
            budget.succeeded()
            return value
        await sleep(wait_s)
        budget.retries += 1
    raise AssertionError("unreachable: the last attempt returns or raises")


async def fan_out(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], in_flight: int, stop: asyncio.Event | None = None
) -> None:
    """Works on the items, `in_flight` of them at a time, in order of their start. Memory does not grow with the items.

    Once `stop` is set, what is in flight is finished, and no other item is taken. `work` is expected to record an
    item's failure itself: what it raises first ends the whole, and is raised.
    """
    iterator = iter(items) if stop is None else _until(stop, items)

    async def worker() -> None:
        for item in iterator:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _until(stop: asyncio.Event, items: Iterable[T]) -> Iterator[T]:
    iterator = iter(items)
    while not stop.is_set():
        try:
            yield next(iterator)
        except StopIteration:
            return
