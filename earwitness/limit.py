"""The limit on the calls in flight to one target, which finds the target's own. For one event loop, not for threads.

It climbs throughput, not latency: a model server that batches answers each call later the more it has, and more of
them per second all the same. A round is as many answers as there are places. The places double from round to round
until that does not pay, or is refused. From then on the limit holds, and tries now and then a quarter more, then twice
that for as long as it pays, or, of a target that answers well later than it once did, a quarter less. More places pay
while throughput grows by a tenth of what they grew by, or answers come as soon as ever; where they stop to is the knee.

A refusal takes the limit to nine tenths of what the target kept, at most by half; the many of one burst are one signal.
Where nothing succeeds any more, one call at a time asks, ever more rarely, and the others wait instead of failing.
Doubling, and additive increase with multiplicative decrease: Jacobson, Congestion Avoidance and Control (1988).
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from earwitness.errors import EarwitnessError, Overloaded
from earwitness.fanout import LONGEST_ASKED_S, is_retriable

FIRST = 8
WORTH, SLOW, KEPT = 0.1, 1.25, 0.9
"""A tenth, well later, nine tenths: each from trials on simulated servers, those of the tests among them."""
FEWEST_ANSWERS = 32
"""Fewer say nothing about throughput: how long generated texts take spreads about as wide as its mean."""
HOLD_ROUNDS, TRIAL_ROUNDS = 8, 2
PATIENCE = 16
"""What was refused is not tried again for this many times what a refusal costs: the pause, or a round."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
CLOCK_S = 0.002
"""How far the clock and the event loop's may be apart: uvloop counts milliseconds."""


class Climb:
    """The search for the number of places. It is told every outcome with its times, in seconds of one clock."""

    def __init__(self, most: int, first: int) -> None:
        self.most = most
        self.value = min(first, most)
        self.full = False
        """Whether all places were taken in this round; else it is not they that bound the throughput."""
        self.is_down = False
        """Whether nothing has succeeded for longer than a round trip."""
        self.cuts = 0
        self._knee, self._knee_rate = self.value, 0.0
        self._doubling, self._narrow_next = True, False
        self._step, self._least_step = self.value, FIRST
        self._round_s, self._soonest_s = 0.0, math.inf
        self._failing_since, self._cut_at, self._pause_s = math.inf, -math.inf, FIRST_PAUSE_S
        self._floor, self._ceiling, self._ceiling_until = 1, most, -math.inf
        self._since = self._began = -math.inf
        self._answers, self._wanted, self._spent_s = 0, self.value, 0.0

    def answered(self, started: float, now: float) -> None:
        """Counts a success, and judges the round that it completes."""
        self._failing_since, self.is_down = math.inf, False
        if started < self._since:
            return
        if self._began == -math.inf:
            self._began = now
            return
        self._answers += 1
        self._spent_s += now - started
        if self._answers >= self._wanted and (now - self._began) * self._answers >= 0.9 * self._spent_s:
            self._judge(now)

    def refused(self, started: float, now: float, kept: int, retry_after_s: float) -> None:
        """Leaves nine tenths of the places that the target `kept`, without the one it refused."""
        if self.is_down:
            return
        if started > self._cut_at:
            self._cut_at, self._floor = now, max(1, self.value // 2)
            self.cuts += 1
        self._ceiling = max(self._floor, kept)
        self._ceiling_until = now + PATIENCE * max(retry_after_s, self._round_s)
        self._doubling, self._least_step = False, 1  # each place too many is a call refused
        self.value = min(self.value, max(self._floor, math.ceil(kept * KEPT)))
        self._hold(now, 0.0)

    def failed(self, started: float, now: float) -> float:
        """Counts a call that may yet succeed, and returns for how many seconds nobody should call.

        Once all that was begun in a round trip has failed, one place is left, and each pause is twice the last.
        """
        self._failing_since = min(self._failing_since, now)
        if started <= max(self._failing_since, self._cut_at) or now - self._failing_since < self._round_s:
            return 0.0
        pause_s = self._pause_s if self.is_down else FIRST_PAUSE_S
        self._pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self.cuts += not self.is_down
        self.is_down, self._doubling, self._cut_at, self.value = True, True, now, 1
        self._hold(now, 0.0)
        return pause_s

    def _judge(self, now: float) -> None:
        """Ends a round: keeps a trial that pays and goes further, takes back one that does not, or begins one."""
        if not self.full:
            self._count(self._wanted, began=now)
            return
        rate = self._answers / max(now - self._began, 1e-9)
        self._round_s = self._spent_s / self._answers
        if self._answers >= FEWEST_ANSWERS:
            self._soonest_s = min(self._soonest_s, self._round_s)
        is_slow = self._round_s > SLOW * self._soonest_s
        if self.value == self._knee:
            self._knee_rate = rate
            self._try(now, is_slow=is_slow)
        elif not self._pays(rate, is_slow=is_slow):
            self._doubling, self.value = False, self._knee
            self._hold(now, self._knee_rate)
        else:
            is_wider = self.value > self._knee
            self._hold(now, rate)
            if is_wider:
                self._widen(now, self._knee if self._doubling else 2 * self._step)
            elif is_slow:
                self._narrow(now)

    def _pays(self, rate: float, *, is_slow: bool) -> bool:
        """Says whether more places bring more, or fewer as much."""
        if self.value > self._knee and (not is_slow or self._answers < FEWEST_ANSWERS):
            return True
        return rate > self._knee_rate * (1 + WORTH * (self.value / self._knee - 1))

    def _try(self, now: float, *, is_slow: bool) -> None:
        """Begins a trial of more places, or every second time of fewer where answers come late."""
        narrow = is_slow and self._narrow_next and not self._doubling
        self._narrow_next = not self._narrow_next
        if narrow:
            self._narrow(now)
        elif self._doubling:
            self._widen(now, self._knee)
        else:
            self._widen(now, max(self._knee // 4, self._least_step))

    def _widen(self, now: float, step: int) -> None:
        """Makes room for `step` calls more, as far as the target is not known to refuse them."""
        top = self.most if now >= self._ceiling_until else self._ceiling
        self._step, self.value = step, max(min(self._knee + step, top), self._knee)
        rounds = HOLD_ROUNDS if self.value == self._knee else 1 if self._doubling else TRIAL_ROUNDS
        self._count(rounds * self.value, began=now)

    def _narrow(self, now: float) -> None:
        """Takes a quarter of the room away."""
        self.value = max(self._knee - max(self._knee // 4, 1), 1)
        rounds = HOLD_ROUNDS if self.value == self._knee else TRIAL_ROUNDS
        self._count(rounds * self.value, since=now)

    def _hold(self, now: float, rate: float) -> None:
        """Takes the present width for the knee, and counts what is begun at it."""
        self._knee, self._knee_rate = self.value, rate
        self._count(self.value if self._doubling else HOLD_ROUNDS * self.value, since=now)

    def _count(self, answers: int, *, since: float = -math.inf, began: float = -math.inf) -> None:
        """Begins a round: of the answers to what is asked `since`, from the first of them, or of all that come."""
        self._since, self._began = since, began
        self._answers, self._spent_s, self.full = 0, 0.0, False
        self._wanted = answers if self._doubling else max(answers, FEWEST_ANSWERS)


class Limit:
    """Places for the calls in flight to one target, given in the order in which they are asked for."""

    def __init__(self, most: int, *, first: int = FIRST, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins with `first` places and never has more than `most`."""
        self.in_flight = 0
        self.answered = self.refused = self.failed = 0
        """Calls by their end; what failed for good, or was cancelled, is in none of them."""
        self._climb = Climb(max(most, 1), max(first, 1))
        self._clock = clock
        self._waiters: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._paused_until, self._paused = -math.inf, False

    @property
    def value(self) -> int:
        """How many calls may be in flight."""
        return self._climb.value

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        return len(self._waiters)

    @property
    def cuts(self) -> int:
        """How often the value was cut for a refusal or an outage."""
        return self._climb.cuts

    @property
    def is_down(self) -> bool:
        """Whether nothing has succeeded for longer than a round trip: then one call at a time asks."""
        return self._climb.is_down

    def place(self) -> "Place":
        """Returns a place to call in: `async with limit.place(): ...`; what the block raises tells how it went."""
        return Place(self)

    async def acquire(self) -> float:
        """Waits for a place, first come, first served; returns the time of the start, which `release` wants."""
        climb = self._climb
        if self.in_flight >= climb.value or self._paused:
            await self._wait()
        else:
            self.in_flight += 1
            if self.in_flight >= climb.value:
                climb.full = True
        return self._clock()

    def release(self, started: float, error: BaseException | None = None) -> None:
        """Gives a place back, with what the call raised. What can never succeed says nothing about the target."""
        self.in_flight -= 1
        if error is None:
            self.answered += 1
            self._climb.answered(started, self._clock())
        elif isinstance(error, EarwitnessError) and is_retriable(error):
            self._learn(started, error)
        if self._waiters:
            self._admit()

    def _learn(self, started: float, error: EarwitnessError) -> None:
        now = self._clock()
        pause_s = self._climb.failed(started, now)
        if isinstance(error, Overloaded):
            self.refused += 1
            self._climb.refused(started, now, self.in_flight, error.retry_after_s)
            pause_s = max(pause_s, min(error.retry_after_s, LONGEST_ASKED_S))
        else:
            self.failed += 1
        self._paused_until = max(self._paused_until, now + pause_s)
        if self._paused_until > now and not self._paused:
            self._paused = True
            asyncio.get_running_loop().call_later(pause_s, self._resume)

    def _resume(self) -> None:
        """Ends a pause, unless it has become longer meanwhile."""
        left_s = self._paused_until - self._clock()
        if left_s > CLOCK_S:
            asyncio.get_running_loop().call_later(left_s, self._resume)
            return
        self._paused = False
        self._admit()

    async def _wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[future] = None
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                self._waiters.pop(future, None)
            else:  # the place was given already
                self.in_flight -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        """Gives the free places to those who wait, the longest first."""
        while self._waiters and self.in_flight < self._climb.value and not self._paused:
            future, _ = self._waiters.popitem(last=False)
            if not future.done():
                self.in_flight += 1
                future.set_result(None)
        if self.in_flight >= self._climb.value:
            self._climb.full = True


class Place:
    """One place of a limit, for the length of a block."""

    __slots__ = ("_limit", "_started")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._started = 0.0

    async def __aenter__(self) -> None:
        self._started = await self._limit.acquire()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._limit.release(self._started, error)
