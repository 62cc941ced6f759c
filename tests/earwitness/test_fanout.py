import asyncio
import itertools
import tracemalloc

import pytest

from earwitness.errors import DeadlineExceeded, EarwitnessError, NotReady, Overloaded, Unavailable
from earwitness.fanout import GIVE_UP_AFTER_S, Budget, Outage, Retries, fan_out, is_retriable, persist
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


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.waits = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


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


async def test_once_stopped_it_takes_no_other_item_and_finishes_those_in_flight():
    stop, taken, done = asyncio.Event(), itertools.count(), []

    async def work(item):
        await asyncio.sleep(0.001)
        if item == 10:
            stop.set()
        await asyncio.sleep(0.001)
        done.append(item)

    await asyncio.wait_for(fan_out(taken, work, 4, stop), 5)
    assert sorted(done) == list(range(len(done)))
    assert 11 <= len(done) <= 14
    assert next(taken) == len(done)


async def test_what_is_stopped_before_it_starts_takes_nothing():
    stop, taken = asyncio.Event(), itertools.count()
    stop.set()
    await fan_out(taken, Flaky(), 4, stop)
    assert next(taken) == 0


async def test_with_a_stop_that_never_comes_every_item_is_worked_on():
    done = []

    async def work(item):
        await asyncio.sleep(0)
        done.append(item)

    await fan_out(range(100), work, 7, asyncio.Event())
    assert done == list(range(100))


async def test_nothing_to_do_is_done():
    work = Flaky()
    await fan_out([], work, 4)
    assert work.calls == 0


async def test_a_call_is_tried_until_it_succeeds():
    call = Flaky(Unavailable("gone"), EarwitnessError("replica died"), Overloaded("full", retry_after_s=0.001))
    assert await persist(call, QUICK) == "answer"
    assert call.calls == 4


async def test_a_call_that_keeps_failing_raises_its_last_error():
    call = Flaky(*[Unavailable(str(number)) for number in range(9)])
    with pytest.raises(Unavailable, match="3"):
        await persist(call, QUICK)
    assert call.calls == 4


RETRIED = {"DeadlineExceeded", "EarwitnessError", "EngineFailure", "Overloaded", "QuotaExceeded", "Unavailable"}


@pytest.mark.parametrize("cls", CLASSES)
async def test_what_can_never_succeed_is_not_tried_again(cls, clock):
    call = Flaky(cls("no"))
    assert is_retriable(cls("no")) == (cls.__name__ in RETRIED)
    if cls.__name__ in RETRIED:
        assert await persist(call, QUICK) == "answer"
    else:
        with pytest.raises(cls):
            await persist(call, QUICK, sleep=clock.sleep)
        assert call.calls == 1
        assert clock.waits == []


async def test_a_deadline_that_passes_twice_is_the_calls_own_fault():
    call = Flaky(Unavailable("gone"), DeadlineExceeded("late"), Unavailable("gone"), DeadlineExceeded("late again"))
    with pytest.raises(DeadlineExceeded, match="again"):
        await persist(call, Retries(attempts=9, first_wait_s=0.001))
    assert call.calls == 4


async def test_an_unexpected_exception_is_not_tried_again():
    call = Flaky(KeyError("bug"))
    with pytest.raises(KeyError):
        await persist(call, QUICK)
    assert call.calls == 1


async def test_waits_double_up_to_the_longest(clock):
    retries = Retries(attempts=8, first_wait_s=1.0, longest_wait_s=10.0)
    with pytest.raises(Unavailable):
        await persist(Flaky(*[Unavailable("gone")] * 8), retries, sleep=clock.sleep)
    assert len(clock.waits) == 7
    for wait, most in zip(clock.waits, [1, 2, 4, 8, 10, 10, 10], strict=True):
        assert most / 2 <= wait <= most


async def test_a_server_that_says_when_to_come_back_is_obeyed(clock):
    call = Flaky(Overloaded("full", retry_after_s=30.0), Overloaded("full", retry_after_s=0.0))
    await persist(call, Retries(), sleep=clock.sleep)
    assert clock.waits[0] == 30.0
    assert 0.5 <= clock.waits[1] <= 1.0


def test_waits_are_spread_so_that_callers_do_not_come_back_together():
    waits = {Retries().wait_s(3, Unavailable("gone")) for _ in range(100)}
    assert len(waits) > 90


async def test_a_budget_counts_the_retries_of_calls_that_succeed_and_of_those_that_fail(clock):
    budget = Budget(clock=clock)
    await persist(Flaky(), QUICK, budget, sleep=clock.sleep)
    assert budget.retries == 0
    await persist(Flaky(Unavailable("gone"), Unavailable("gone")), QUICK, budget, sleep=clock.sleep)
    assert budget.retries == 2
    with pytest.raises(Unavailable):
        await persist(Flaky(*[Unavailable("gone")] * 9), QUICK, budget, sleep=clock.sleep)
    assert budget.retries == 5


async def fail_each_minute(budget, clock, times):
    for _ in range(times):
        budget.failed(Unavailable("gone"))
        clock.now += 60


async def test_a_target_that_answers_nobody_for_long_ends_the_run(clock):
    budget = Budget("llm:9000", give_up_after_s=600.0, clock=clock)
    await fail_each_minute(budget, clock, 10)
    call = Flaky(Unavailable("connection refused"))
    with pytest.raises(Outage, match=r"llm:9000: has not answered for 600 s.*connection refused.*same command again"):
        await persist(call, Retries(), budget, sleep=clock.sleep)
    assert call.calls == 1
    assert clock.waits == []


async def test_one_answer_is_enough_to_go_on(clock):
    budget = Budget(give_up_after_s=600.0, clock=clock)
    for _ in range(5):
        await fail_each_minute(budget, clock, 10)
        assert await persist(Flaky(), QUICK, budget) == "answer"


async def test_a_quiet_hour_is_no_outage(clock):
    budget = Budget(clock=clock)
    assert await persist(Flaky(), QUICK, budget) == "answer"
    clock.now += 3600
    for _ in range(50):
        budget.failed(Unavailable("gone"))
    clock.now += GIVE_UP_AFTER_S
    with pytest.raises(Outage):
        budget.failed(Unavailable("gone"))


async def test_no_item_ends_a_run_by_itself(clock):
    budget = Budget(give_up_after_s=1.0, clock=clock)
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await persist(Flaky(*[Unavailable("gone")] * 6), Retries(), budget, sleep=clock.sleep)
        assert type(caught.value) is Unavailable
        await persist(Flaky(), QUICK, budget)


async def test_an_outage_is_not_tried_again(clock):
    call = Flaky(Outage("has not answered"))
    with pytest.raises(Outage):
        await persist(call, Retries(), sleep=clock.sleep)
    assert call.calls == 1


async def test_an_item_that_can_never_succeed_neither_ends_a_run_nor_proves_that_the_target_is_there(clock):
    budget = Budget(clock=clock)
    for _ in range(100):
        with pytest.raises(NotReady):
            await persist(Flaky(NotReady("no token")), QUICK, budget)
        clock.now += 60
    for _ in range(7):
        await fail_each_minute(budget, clock, 1)
        with pytest.raises(NotReady):
            await persist(Flaky(NotReady("no token")), QUICK, budget)
    with pytest.raises(Outage):
        budget.failed(Unavailable("gone"))
