import asyncio
import itertools
import tracemalloc

import pytest

from earwitness import fanout
from earwitness.errors import EarwitnessError, NotReady, Overloaded, Unavailable
from earwitness.fanout import Retries, fan_out, is_retriable, persist
from tests.earwitness.test_errors import CLASSES

QUICK = Retries(attempts=4, first_wait_s=0.001, longest_wait_s=0.004)


class Flaky:
    """Raises the errors that it holds, then answers."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.fixture
def waits(monkeypatch):
    """The waits that are asked for, none of which is waited."""
    asked = []

    async def sleep(seconds):
        asked.append(seconds)

    monkeypatch.setattr(fanout.asyncio, "sleep", sleep)
    return asked


@pytest.mark.parametrize("in_flight", [1, 3, 10])
async def test_no_more_than_in_flight_items_are_worked_on_at_once(in_flight):
    now, most = 0, 0

    async def work(item):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.0001 * (item % 3))
        now -= 1

    await fan_out(range(100), work, in_flight)
    assert most == in_flight
    assert now == 0


async def test_items_start_in_order_and_each_once():
    started = []

    async def work(item):
        started.append(item)
        await asyncio.sleep(0.0001 * (item * 7 % 5))

    await fan_out(range(200), work, 8)
    assert started == list(range(200))


async def test_a_slow_item_does_not_hold_up_the_others():
    slow, done = asyncio.Event(), []

    async def work(item):
        if item == 0:
            await slow.wait()
        done.append(item)
        if len(done) == 49:
            slow.set()

    await asyncio.wait_for(fan_out(range(50), work, 2), 5)
    assert done == [*range(1, 50), 0]


async def test_items_are_taken_only_when_there_is_room_for_them():
    taken = itertools.count()
    finished = 0

    async def work(item):
        nonlocal finished
        await asyncio.sleep(0)
        finished += 1
        assert item < finished + 4
        if item == 5000:
            raise NotReady("enough")

    with pytest.raises(NotReady):
        await fan_out(taken, work, 4)
    assert next(taken) < 5010


async def test_memory_does_not_grow_with_the_items():
    peaks = []

    async def work(item):
        await asyncio.sleep(0)
        if item in (1_000, 20_000):
            peaks.append(tracemalloc.get_traced_memory()[1])

    tracemalloc.start()
    try:
        await fan_out((number for number in range(20_001)), work, 16)
    finally:
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 50_000


async def test_what_work_raises_ends_the_whole_as_itself():
    cancelled = []

    async def work(item):
        if item == 1:
            raise Unavailable("gone")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(Unavailable, match="gone"):
        await asyncio.wait_for(fan_out(range(9), work, 3), 5)
    assert set(cancelled) == {0, 2}


async def test_cancelling_the_whole_cancels_what_is_in_flight():
    cancelled = []

    async def work(item):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    task = asyncio.create_task(fan_out(itertools.count(), work, 3))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(cancelled) == [0, 1, 2]


async def test_nothing_to_do_is_done():
    await fan_out([], Flaky(), 4)


async def test_a_call_is_tried_until_it_succeeds():
    call = Flaky(Unavailable("gone"), EarwitnessError("replica died"), Overloaded("full", retry_after_s=0.001))
    assert await persist(call, QUICK) == "answer"
    assert call.calls == 4


async def test_a_call_that_keeps_failing_raises_its_last_error():
    call = Flaky(*[Unavailable(str(number)) for number in range(9)])
    with pytest.raises(Unavailable, match="3"):
        await persist(call, QUICK)
    assert call.calls == 4


RETRIED = {"EarwitnessError", "EngineFailure", "Overloaded", "Unavailable"}


@pytest.mark.parametrize("cls", CLASSES)
async def test_what_can_never_succeed_is_not_tried_again(cls, waits):
    call = Flaky(cls("no"))
    assert is_retriable(cls("no")) == (cls.__name__ in RETRIED)
    if cls.__name__ in RETRIED:
        assert await persist(call, QUICK) == "answer"
    else:
        with pytest.raises(cls):
            await persist(call, QUICK)
        assert call.calls == 1
        assert waits == []


async def test_an_unexpected_exception_is_not_tried_again():
    call = Flaky(KeyError("bug"))
    with pytest.raises(KeyError):
        await persist(call, QUICK)
    assert call.calls == 1


async def test_waits_double_up_to_the_longest(waits):
    retries = Retries(attempts=8, first_wait_s=1.0, longest_wait_s=10.0)
    with pytest.raises(Unavailable):
        await persist(Flaky(*[Unavailable("gone")] * 8), retries)
    assert len(waits) == 7
    for wait, most in zip(waits, [1, 2, 4, 8, 10, 10, 10], strict=True):
        assert most / 2 <= wait <= most


async def test_a_server_that_says_when_to_come_back_is_obeyed(waits):
    await persist(Flaky(Overloaded("full", retry_after_s=30.0), Overloaded("full", retry_after_s=0.0)), Retries())
    assert waits[0] == 30.0
    assert 0.5 <= waits[1] <= 1.0


def test_waits_are_spread_so_that_callers_do_not_come_back_together():
    waits = {Retries().wait_s(3, Unavailable("gone")) for _ in range(100)}
    assert len(waits) > 90
