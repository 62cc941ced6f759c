"""Two sides at the same work, in turn, each alone on the machine: whoever waits is stopped, with all its processes.

An idle Ray costs some percent of a core, by which the other side would be slower than it is by itself.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from tools.bench.served.pairs import Contest, Lap, Pair
from tools.bench.served.questions import Asked
from tools.serving.child import Answer, Child

SETTLE_S = 2.0
"""What a side that goes on has for what it missed, such as health checks, before it is measured."""
Work = Callable[[Sequence[Asked]], Awaitable[Answer]]
"""Asks everything; says how many seconds it took, and the results."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """Who works: its processes, and how it is asked."""

    child: Child
    work: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What both do, again and again."""

    title: str
    wanted: float
    """The least ratio of the served side's items per second to the bare one's."""
    questions: Callable[[int], Sequence[Asked]]
    """Those of a round."""
    equal: Callable[[Any, Any], bool]
    """Whether two results are the same answer."""


@contextlib.contextmanager
def stopped(child: Child) -> Generator[None]:
    """Stops a child's processes for as long as the block lasts."""
    processes = child.tree()
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


async def run(task: Task, served: Side, bare: Side, rounds: int, say: Callable[[str], None]) -> Contest:
    """Runs the rounds, each begun by the other side than the one before, after one that does not count."""
    pairs: list[Pair] = []
    for number in range(rounds + 1):
        asked = task.questions(number)
        order = (served, bare) if number % 2 else (bare, served)
        laps: dict[int, Lap] = {}
        results: dict[int, Any] = {}
        for side in order:
            other = bare if side is served else served
            laps[id(side)], results[id(side)] = await _lap(side, other, asked)
        same = sum(map(task.equal, results[id(served)], results[id(bare)]))
        pair = Pair(served=laps[id(served)], bare=laps[id(bare)], same=same)
        say(
            f"{task.title}, round {number}: {pair.served.rate:.2f} items/s served, {pair.bare.rate:.2f} bare, "
            f"ratio {pair.ratio:.3f}, {same} of {len(asked)} the same" + ("" if number else " (not counted)")
        )
        if number:
            pairs.append(pair)
    return Contest(title=task.title, wanted=task.wanted, pairs=pairs)


async def _lap(side: Side, other: Side, asked: Sequence[Asked]) -> tuple[Lap, list[Any]]:
    with stopped(other.child):
        await asyncio.sleep(SETTLE_S)
        before, idle, own = side.child.cpu_s(), other.child.cpu_s(), time.process_time()
        answer = await side.work(asked)
        lap = Lap(
            items=len(asked),
            seconds=answer["seconds"],
            cpu_s=side.child.cpu_s() - before + time.process_time() - own,
            idle_cpu_s=other.child.cpu_s() - idle,
        )
    return lap, answer["results"]
