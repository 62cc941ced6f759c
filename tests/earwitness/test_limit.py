import asyncio
import itertools
import math
import random
import selectors
import timeit

import pytest

from earwitness.errors import EngineFailure, InvalidInput, NotReady, Overloaded, Unavailable
from earwitness.fanout import Budget, Outage, Retries, fan_out, persist
from earwitness.limit import Limit

MOST = 256
STEPS = 10
"""How many steps of its model a simulated answer takes."""


class JumpingSelector(selectors.SelectSelector):
    """Does not wait: time jumps to the next timer."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "everybody waits for ever"
        self.now += max(timeout, 0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self):
        return self.jumping.now


def in_virtual_time(main):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now():
    return asyncio.get_running_loop().time()


def spread(chance, cv):
    """A factor of mean 1 and coefficient of variation `cv`, log-normal."""
    sigma = math.sqrt(math.log(1 + cv * cv))
    return chance.lognormvariate(-sigma * sigma / 2, sigma)


class Server:
    """Answers after a fixed time; refuses what is beyond its capacity, if it has one; may be dead for a while."""

    def __init__(self, latency_s, *, capacity=10**9, retry_after_s=1.0, cv=0.0, dead=(math.inf, math.inf)):
        self.latency_s, self.cv, self.dead = latency_s, cv, dead
        self.capacity, self.retry_after_s = capacity, retry_after_s
        self.chance = random.Random(1)
        self.calls = self.in_flight = 0

    async def call(self):
        self.calls += 1
        await asyncio.sleep(0.001)
        if self.dead[0] <= now() < self.dead[1]:
            raise Unavailable("gone")
        if self.in_flight >= self.capacity:
            raise Overloaded("full", retry_after_s=self.retry_after_s)
        self.in_flight += 1
        try:
            await asyncio.sleep(self.latency_s * spread(self.chance, self.cv))
        finally:
            self.in_flight -= 1


class BatchingServer:
    """Continuous batching: each step takes `fixed_s + each_s` per running call; beyond `places` calls queue."""

    def __init__(self, fixed_s, each_s, places, *, cv=0.0):
        self.fixed_s, self.each_s, self.places, self.cv = fixed_s, each_s, places, cv
        self.chance = random.Random(1)
        self.running, self.queue, self.stepping = [], [], None

    def best(self):
        """Answers per second with everything full."""
        number = min(MOST, self.places)
        return number / (STEPS * (self.fixed_s + self.each_s * number))

    async def call(self):
        done = asyncio.get_running_loop().create_future()
        self.queue.append([done, max(1, round(STEPS * spread(self.chance, self.cv)))])
        if self.stepping is None or self.stepping.done():
            self.stepping = asyncio.create_task(self.step())
        await done

    async def step(self):
        while self.running or self.queue:
            room = self.places - len(self.running)
            self.running += self.queue[:room]
            del self.queue[:room]
            await asyncio.sleep(self.fixed_s + self.each_s * len(self.running))
            for call in self.running:
                call[1] -= 1
                if call[1] <= 0 and not call[0].done():
                    call[0].set_result(None)
            self.running = [call for call in self.running if call[1] > 0]


def drive(server, seconds, *, workers=MOST, events=()):
    """Keeps a server as busy as the limit lets `workers`; returns its answers and the places of every second.

    The limit itself is last. `events` are what happens to the server, with their seconds.
    """
    events = dict(events)

    async def main():
        limit, counts, places = Limit(MOST, clock=now), [0] * (seconds + 1), []

        async def worker():
            while True:
                try:
                    async with limit.place():
                        assert 0 < limit.in_flight <= MOST
                        await server.call()
                    counts[int(now())] += 1
                except (Overloaded, Unavailable):
                    await asyncio.sleep(0.5)

        tasks = [asyncio.create_task(worker()) for _ in range(workers)]
        for second in range(seconds):
            events.get(second, lambda: None)()
            await asyncio.sleep(1)
            places.append(limit.value)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (limit.in_flight, limit.waiting) == (0, 0)
        assert 1 <= min(places) <= max(places) <= MOST
        return counts[:seconds], places, limit

    return in_virtual_time(main())


def mean(values):
    return sum(values) / len(values)


@pytest.mark.parametrize("cv", [0.0, 1.0])
def test_where_more_places_bring_more_the_limit_doubles_to_its_most(cv):
    counts, _, limit = drive(Server(0.1, cv=cv), 20)
    assert limit.value == MOST
    assert mean(counts[1:]) > 0.9 * MOST / 0.101
    assert limit.cuts == 0


@pytest.mark.parametrize("cv", [0.0, 0.5])
@pytest.mark.parametrize(
    ("fixed_s", "each_s", "places"),
    [(0.01, 0.0002, 256), (0.01, 0.0002, 64), (0.02, 0.001, 256), (0.02, 0.001, 32), (0.005, 0.002, 256)],
)
def test_a_server_that_batches_is_kept_as_busy_as_it_can_be(fixed_s, each_s, places, cv):
    server = BatchingServer(fixed_s, each_s, places, cv=cv)
    counts, _, _ = drive(server, 90)
    assert mean(counts[30:]) > 0.8 * server.best()


def test_rising_latency_alone_does_not_stop_the_growth():
    server = BatchingServer(0.01, 0.0001, MOST)  # 3.5 times as late, 70 times as many
    counts, _, limit = drive(server, 20)
    assert limit.value == MOST
    assert mean(counts[5:]) > 0.9 * server.best()


@pytest.mark.parametrize("places", [8, 24])
@pytest.mark.parametrize("cv", [0.0, 0.5])
def test_beyond_the_knee_the_limit_steps_back(places, cv):
    server = BatchingServer(0.02, 0.0, places, cv=cv)
    counts, widths, _ = drive(server, 120)
    assert mean(counts[20:]) > 0.9 * server.best()
    assert mean(widths[20:]) < MOST / 2


@pytest.mark.parametrize("retry_after_s", [0.0, 1.0])
@pytest.mark.parametrize("capacity", [3, 10, 100])
@pytest.mark.parametrize("latency_s", [0.1, 1.0])
def test_a_server_that_refuses_is_kept_near_its_capacity_and_seldom_made_to_refuse(capacity, latency_s, retry_after_s):
    server = Server(latency_s, capacity=capacity, retry_after_s=retry_after_s, cv=0.3)
    counts, _, limit = drive(server, 120)
    assert mean(counts[20:]) > 0.75 * capacity / (latency_s + 0.001)
    assert limit.refused < 0.06 * limit.answered + MOST


def test_capacity_that_drops_and_comes_back_is_followed():
    server = Server(0.1, capacity=100, cv=0.3)
    events = [(40, lambda: setattr(server, "capacity", 25)), (90, lambda: setattr(server, "capacity", 100))]
    counts, _, _ = drive(server, 150, events=events)
    assert mean(counts[20:40]) > 0.75 * 1000
    assert mean(counts[45:90]) > 0.75 * 250
    assert mean(counts[115:]) > 0.75 * 1000
    assert min(mean(counts[at : at + 5]) for at in range(5, 36)) > 500  # never a collapse in between


def test_a_dead_server_is_asked_rarely_and_found_again_soon():
    server = Server(0.1, dead=(20.0, 80.0))
    asked = []
    events = [(second, lambda: asked.append(server.calls)) for second in (22, 80)]
    counts, _, limit = drive(server, 110, events=events)
    assert mean(counts[5:19]) > 0.9 * MOST / 0.101
    assert 5 <= asked[1] - asked[0] <= 15
    assert mean(counts[92:]) > 0.9 * MOST / 0.101
    assert limit.cuts == 1


def test_a_minority_of_failures_does_not_shut_the_target():
    class OneDeadReplica(Server):
        async def call(self):
            if self.calls % 4 == 0:
                self.calls += 1
                await asyncio.sleep(0.001)
                raise Unavailable("this replica is gone")
            await super().call()

    counts, _, limit = drive(OneDeadReplica(1.0), 60)
    assert limit.cuts == 0
    assert mean(counts[20:]) > 0.5 * MOST


def test_where_the_places_are_not_all_taken_the_limit_stays():
    _, _, limit = drive(Server(0.1), 20, workers=5)
    assert limit.value == 8


async def hold(limit, number):
    return [await limit.acquire() for _ in range(number)]


def test_the_refusals_of_one_burst_are_one_signal_that_at_most_halves():
    async def main():
        limit = Limit(MOST, first=100, clock=now)
        started = await hold(limit, 100)
        await asyncio.sleep(0.01)
        for start in started[:30]:
            limit.release(start, Overloaded("full", retry_after_s=0.0))
        assert (limit.cuts, limit.value) == (1, 63)
        for start in started[30:60]:
            limit.release(start, Overloaded("full", retry_after_s=0.0))
        assert (limit.cuts, limit.value, limit.refused) == (1, 50, 60)

    in_virtual_time(main())


def test_nobody_calls_before_the_time_that_the_target_asked_for():
    async def main():
        limit = Limit(8, clock=now)
        first, second = await hold(limit, 2)
        limit.release(first, Overloaded("full", retry_after_s=3.0))
        started = []

        async def call():
            async with limit.place():
                started.append(now())

        calls = [asyncio.create_task(call()) for _ in range(20)]
        await asyncio.sleep(1)
        limit.release(second, Overloaded("full", retry_after_s=4.0))
        await asyncio.gather(*calls)
        assert len(started) == 20
        assert all(abs(start - 5.0) < 0.01 for start in started)

    in_virtual_time(main())


@pytest.mark.parametrize(
    "error", [InvalidInput("bad"), NotReady("no token"), KeyError("bug"), asyncio.CancelledError(), GeneratorExit()]
)
def test_what_says_nothing_about_the_load_changes_nothing(error):
    async def main():
        limit = Limit(8, clock=now)
        for _ in range(100):
            (started,) = await hold(limit, 1)
            await asyncio.sleep(1)
            limit.release(started, error)
        assert (limit.value, limit.in_flight, limit.cuts, limit.refused, limit.failed) == (8, 0, 0, 0, 0)

    in_virtual_time(main())


def test_an_engine_that_only_fails_is_asked_by_one_call_at_a_time():
    async def main():
        limit = Limit(MOST, clock=now)
        for _ in range(10):
            (started,) = await hold(limit, 1)
            await asyncio.sleep(0.01)
            limit.release(started, EngineFailure("dead"))
        assert (limit.value, limit.is_down) == (1, True)
        assert now() > 0.5 + 1 + 2 + 4 + 8 + 10 + 10
        (started,) = await hold(limit, 1)
        limit.release(started)
        assert not limit.is_down

    in_virtual_time(main())


async def test_places_are_given_in_the_order_in_which_they_were_asked_for():
    limit, order = Limit(1, clock=now), []

    async def call(number):
        async with limit.place():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*[call(number) for number in range(50)])
    assert order == list(range(50))


async def test_a_caller_that_is_cancelled_while_it_waits_takes_no_place():
    limit = Limit(1, clock=now)
    (started,) = await hold(limit, 1)
    waiting = [asyncio.create_task(limit.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    limit.release(started)
    await asyncio.sleep(0.01)
    assert [task.done() for task in waiting] == [True, True, False]
    assert (limit.in_flight, limit.waiting) == (1, 1)
    waiting[2].cancel()
    await asyncio.sleep(0)
    assert limit.waiting == 0


async def test_a_caller_that_is_cancelled_as_it_gets_its_place_passes_it_on():
    limit = Limit(1, clock=now)
    (started,) = await hold(limit, 1)
    first, second = (asyncio.create_task(limit.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    limit.release(started)
    first.cancel()
    await asyncio.sleep(0.01)
    assert first.cancelled()
    assert second.done()
    assert limit.in_flight == 1


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_every_place_comes_back(seed):
    chance = random.Random(seed)
    outcomes = [None, None, None, Overloaded("full", retry_after_s=0.2), Unavailable("gone"), InvalidInput("bad")]

    async def call(limit):
        await asyncio.sleep(chance.random() * 5)
        async with limit.place():
            await asyncio.sleep(chance.random() / 10)
            if error := chance.choice(outcomes):
                raise error

    async def main():
        limit = Limit(16, clock=now)
        tasks = [asyncio.create_task(call(limit)) for _ in range(1000)]
        for task in chance.sample(tasks, 300):
            await asyncio.sleep(0.01)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (limit.in_flight, limit.waiting) == (0, 0)
        assert 1 <= limit.value <= 16

    in_virtual_time(main())


def test_a_run_over_a_server_that_is_dead_stops_and_records_no_item_as_failed():
    async def main():
        server, failed = Server(0.1, dead=(10.0, math.inf)), []
        limit, budget = Limit(MOST, clock=now), Budget("llm:9000", clock=now)

        async def ask():
            async with limit.place():
                await server.call()

        async def work(item):
            try:
                await persist(ask, Retries(), budget)
            except Outage:
                raise
            except Unavailable:
                failed.append(item)

        with pytest.raises(Outage, match="llm:9000: has not answered for 300 s"):
            await fan_out(itertools.count(), work, MOST)
        assert 310 < now() < 330
        assert failed == []

    in_virtual_time(main())


def test_a_run_outlives_an_outage_of_minutes_and_loses_nothing():
    async def main():
        server, done = Server(0.1, dead=(2.0, 200.0)), []
        limit, budget = Limit(MOST, clock=now), Budget(clock=now)

        async def ask():
            async with limit.place():
                await server.call()

        async def work(item):
            await persist(ask, Retries(), budget)
            done.append(item)

        await fan_out(range(20_000), work, MOST)
        assert sorted(done) == list(range(20_000))
        assert now() < 230
        assert MOST / 2 < budget.retries < 3 * MOST

    in_virtual_time(main())


def test_a_place_costs_microseconds():
    async def places(number):
        limit = Limit(MOST)
        for _ in range(number):
            async with limit.place():
                pass

    best_s = min(timeit.repeat(lambda: asyncio.run(places(5000)), number=1, repeat=5))
    assert best_s / 5000 < 10e-6  # 1.2 measured
