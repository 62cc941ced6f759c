"""`make chaos-serving`: replicas killed under load, updated under load, and asked for ten times what they can take.

    python -m tools.chaos.serving [--scale 1] [--only echo vllm update overload] [--out FILE]

Nothing may be lost once the client has tried again, nothing may hang, and every refusal must say when to try again.
`--scale 0.1` tries it in a tenth of the time.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from earwitness import eventloop
from tools.bench.machine import Machine, revision, today
from tools.chaos import replicas
from tools.chaos.load import MOST_TOLD, Load, Tally
from tools.serving.child import Child, child

CALLERS, PLACES = 32, 16
ECHO_DELAY_S = 0.02
LINGER_S = 15.0
"""What the children of a killed replica have to end by themselves."""
ECHOED_WORDS = 4
WORDS = ("a bell", "a door", "a dog", "the rain")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One trial and what must hold in it."""

    name: str
    what: str
    config: dict[str, Any]
    replicas: int
    seconds: float
    every_s: float
    """Between two faults; 0 for none."""
    fault: str
    """`kill` a replica, `update` them all, or `none`."""
    callers: int = CALLERS
    timeout_s: float = 60.0
    longest_s: float = 60.0
    """A call that takes longer hangs."""
    wants_refusals: bool = False


@dataclass(kw_only=True, slots=True)
class Seen:
    """What was seen in a trial."""

    trial: Trial
    tally: Tally = field(default_factory=Tally)
    faults: int = 0
    orphans: int = 0
    """Processes that outlived the replica that they belonged to."""

    @property
    def broken(self) -> list[str]:
        """What did not hold."""
        tally, name = self.tally, self.trial.name
        found = [f"{name}: lost: {reason}" for reason in tally.lost[:MOST_TOLD]]
        found += [f"{name}: a refusal that does not say when: {told}" for told in tally.untyped[:MOST_TOLD]]
        if tally.longest_s > self.trial.longest_s:
            found.append(f"{name}: a call took {tally.longest_s:.1f} s")
        if self.orphans:
            found.append(f"{name}: {self.orphans} processes outlived their replica by {LINGER_S:g} s")
        if self.trial.fault != "none" and not self.faults:
            found.append(f"{name}: no fault came about")
        if self.trial.wants_refusals and not tally.refused:
            found.append(f"{name}: nothing was refused, so it was no overload")
        return found

    @property
    def row(self) -> tuple[str, ...]:
        """The trial as cells of a table."""
        tally = self.tally
        codes = ", ".join(f"{code} {count:,}" for code, count in tally.failed_attempts.most_common()) or "none"
        return (
            self.trial.what,
            f"{tally.calls:,}",
            f"{tally.calls / max(tally.seconds, 1e-9):,.1f}",
            str(self.faults),
            f"{tally.refused:,}",
            f"{tally.retried:,}",
            str(len(tally.lost)),
            f"{tally.longest_s:.1f}",
            codes,
            "yes" if not self.broken else "NO",
        )


HEADS = (
    "trial", "calls", "per second", "kills or updates", "refused", "retried", "lost", "longest call, s",
    "failed attempts", "held",
)  # fmt: skip


def trials(scale: float) -> dict[str, Trial]:
    """Returns the trials by their names, `scale` times as long as they should be."""
    echo: dict[str, Any] = {"engine": "echo", "echo_delay_s": ECHO_DELAY_S}
    return {
        "echo": Trial(
            name="echo", what="three echo replicas, one killed every 5 s", config=echo, replicas=3,
            seconds=180 * scale, every_s=5.0, fault="kill",
        ),
        "vllm": Trial(
            name="vllm", what="two vLLM replicas, one killed every 90 s", config={"vllm": {"cpu_threads": 1}},
            replicas=2, seconds=360 * scale, every_s=90.0 * scale, fault="kill", timeout_s=120.0, longest_s=240.0,
        ),
        "update": Trial(
            name="update", what="three echo replicas, updated one by one", config=echo, replicas=3,
            seconds=120 * scale, every_s=40 * scale, fault="update",
        ),
        "overload": Trial(
            name="overload", what=f"an echo replica of {PLACES} places, {10 * PLACES} callers", replicas=1,
            config=echo | {"max_in_flight": PLACES, "echo_delay_s": 0.1}, callers=10 * PLACES,
            seconds=60 * scale, every_s=0, fault="none", wants_refusals=True,
        ),
    }  # fmt: skip


async def attempt(trial: Trial, folder: Path) -> Seen:
    """Serves, loads, and brings the faults about; returns what was seen."""
    seen, over, stop = Seen(trial=trial), asyncio.Event(), asyncio.Event()
    with child("tools.serving.cluster", _applications(trial, 0), log=folder / f"{trial.name}.log") as cluster:
        load = asyncio.create_task(_load(trial, cluster.ready["grpc"]).run(stop))
        faults = asyncio.create_task(_faults(seen, cluster, over))
        await asyncio.wait([faults, load], timeout=trial.seconds, return_when=asyncio.FIRST_COMPLETED)
        over.set()
        await faults
        stop.set()
        seen.tally = await load
    return seen


def _load(trial: Trial, address: str) -> Load:
    """Asks an echo for what it must say, and a model for a few words more."""
    is_echo = trial.config.get("engine") == "echo"
    return Load(
        address=address,
        callers=trial.callers,
        timeout_s=trial.timeout_s,
        max_tokens=ECHOED_WORDS if is_echo else 8,
        question=_question,
        answer=(lambda number: " ".join(_question(number).split()[-ECHOED_WORDS:])) if is_echo else lambda number: None,
    )


def _question(number: int) -> str:
    return f"{WORDS[number % len(WORDS)]} and {number} more"


async def _faults(seen: Seen, cluster: Child, over: asyncio.Event) -> None:
    """Brings a fault about every so often, until the trial is over."""
    trial, luck, started = seen.trial, random.Random(seen.trial.name), asyncio.get_running_loop().time()
    bring: dict[str, Callable[[], Awaitable[None]]] = {
        "kill": lambda: _kill(seen, cluster, luck),
        "update": lambda: _update(seen, cluster),
    }
    for number in itertools.count(1):
        try:
            async with asyncio.timeout_at(started + number * trial.every_s if trial.fault in bring else None):
                await over.wait()
                return
        except TimeoutError:
            await bring[trial.fault]()


async def _kill(seen: Seen, cluster: Child, luck: random.Random) -> None:
    try:
        children = await asyncio.to_thread(replicas.kill_one, cluster, luck)
    except LookupError:
        return
    seen.faults += 1
    if children:
        await asyncio.to_thread(psutil.wait_procs, children, LINGER_S)
        left = replicas.left_of(children)
        seen.orphans += len(left)
        for process in left:
            process.kill()


async def _update(seen: Seen, cluster: Child) -> None:
    """Deploys another version, and returns when it alone answers."""
    seen.faults += 1
    await asyncio.to_thread(cluster.ask, **json.loads(_applications(seen.trial, seen.faults)))


def _applications(trial: Trial, version: int) -> str:
    """Returns what to deploy: another version differs by a millisecond of its delay."""
    config = dict(trial.config)
    if version:
        config["echo_delay_s"] += version / 1000
    return json.dumps({"llm": {"service": "llm", "replicas": trial.replicas, "config": config}})


def lines(found: Sequence[Seen]) -> list[str]:
    """Returns the page after its head."""
    broken = [line for seen in found for line in seen.broken]
    return [
        f"`make chaos-serving`, {today()}. Ray Serve in HAProxy mode, under the load of {CALLERS} callers where not",
        "said otherwise, each with one call after the other, tried again as the product's client tries. A kill is",
        "SIGKILL to a replica's process. What an echo answers is compared with what it was told. A refusal must hold",
        "a RetryInfo. Failed attempts stand by their codes; a call with all its attempts is one call.",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|---{'|--:' * (len(HEADS) - 3)}|---|---|",
        *(f"| {' | '.join(seen.row)} |" for seen in found),
        "",
        *(broken or ["Nothing was lost, nothing hung, and every refusal said when to try again."]),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="tools.chaos.serving", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the durations (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(trials(1)), default=list(trials(1)))
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    options = parser.parse_args(arguments)
    console, found = Console(), list[Seen]()
    with tempfile.TemporaryDirectory(prefix="earwitness-chaos-") as folder:
        for name in options.only:
            found.append(eventloop.run(attempt(trials(options.scale)[name], Path(folder))))
            console.print(*found[-1].row, sep="  ", highlight=False, markup=False)
    page = lines(found)
    for line in page:
        console.print(line, highlight=False, markup=False)
    if options.out:
        head = ["# Replicas killed, updated and overloaded", "", "| | |", "|---|---|", Machine.here().markdown()]
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n".join([*head, f"| commit | {revision()} |", "", *page, ""]))
    return 1 if any(seen.broken for seen in found) else 0


if __name__ == "__main__":
    sys.exit(main())
