"""One trial: many cases sent at once to servers that are watched, with a question now and then that must be right."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from earwitness.fanout import fan_out
from tools.fuzz.verdict import Verdict
from tools.serving.child import Child

IN_FLIGHT = 32
ASK_EVERY_S = 1.0
LOOKS = 50
MOST_FAULTS = 20
"""Then a trial ends: more of them say no more."""
MIB = 1 << 20
Send = Callable[[int], Awaitable[tuple[str, str, Verdict]]]
"""Makes the case of a number; returns its kind, its words and the verdict."""
Sane = Callable[[], Awaitable[str]]
"""Asks the servers something sensible; returns what is wrong with the answer, if anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The servers at one moment."""

    seconds: float
    done: int
    rss_mib: float


@dataclass(kw_only=True, slots=True)
class Found:
    """What was seen of a trial."""

    title: str
    endings: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    faults: list[str] = field(default_factory=list[str])
    """Each with the case to make again."""
    looks: list[Look] = field(default_factory=list[Look])
    slowest_s: float = 0.0
    slowest: str = ""
    """The case that took so long."""
    slowest_sane_s: float = 0.0
    """The longest that a sensible question waited for its answer meanwhile."""
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many cases were sent."""
        return self.endings.total()

    def count(self, kind: str, words: str, verdict: Verdict, took_s: float) -> None:
        """Counts a case."""
        self.endings[verdict.ending] += 1
        self.kinds[kind] += 1
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, words
        if verdict.fault:
            self.faults.append(f"{words}: {verdict.fault}")

    @property
    def growth_mib(self) -> float:
        """By how much memory grew from the first fifth of the cases, after which caches are full, to the last one."""
        return self._most(4, 5) - self._most(0, 1)

    def tenths(self) -> Iterator[tuple[int, float, float]]:
        """Yields for each tenth of the cases how many there were by then, the seconds, and the most MiB meanwhile."""
        for tenth in range(1, 11):
            within = [look for look in self.looks if (tenth - 1) * self.done < 10 * look.done <= tenth * self.done]
            if within:
                yield within[-1].done, within[-1].seconds, max(look.rss_mib for look in within)

    def _most(self, first: int, last: int) -> float:
        within = [look.rss_mib for look in self.looks if first * self.done <= 5 * look.done <= last * self.done]
        return max(within, default=0.0)


async def run(title: str, numbers: range, send: Send, sane: Sane, servers: Child, say: Callable[[str], None]) -> Found:
    """Sends the cases of these numbers, and asks something sensible meanwhile; ends early where too much is wrong."""
    found, stop = Found(title=title), asyncio.Event()
    watching = asyncio.create_task(_ask_on(found, sane, stop))
    started, every = time.monotonic(), max(len(numbers) // LOOKS, 1)

    def look() -> None:
        rss = sum(process.memory_info().rss for process in servers.tree()) / MIB
        found.looks.append(Look(seconds=time.monotonic() - started, done=found.done, rss_mib=rss))

    async def one(number: int) -> None:
        begun = time.monotonic()
        kind, words, verdict = await send(number)
        found.count(kind, words, verdict, time.monotonic() - begun)
        if found.done % every == 0:
            look()
        if verdict.fault:
            say(f"FAULT {found.faults[-1]}")
            if len(found.faults) >= MOST_FAULTS:
                stop.set()

    await fan_out(numbers, one, IN_FLIGHT, stop)
    stop.set()
    await watching
    look()
    found.seconds = time.monotonic() - started
    last = found.looks[-1].rss_mib
    say(f"{title}: {found.done:,} cases in {found.seconds:.0f} s, {len(found.faults)} faults, {last:.0f} MiB")
    return found


async def _ask_on(found: Found, sane: Sane, stop: asyncio.Event) -> None:
    """Asks the sensible question until the trial is over, and once after; a wrong answer ends the trial."""
    is_over = False
    while not is_over:
        is_over, begun = stop.is_set(), time.monotonic()
        if wrong := await sane():
            found.faults.append(f"a sensible question after {found.done} cases: {wrong}")
            stop.set()
        found.slowest_sane_s = max(found.slowest_sane_s, time.monotonic() - begun)
        await asyncio.sleep(0 if is_over else ASK_EVERY_S)
