"""`make soak-evaluator`: one million items against the echo engine, in memory that stays flat.

A real `earwitness run` in a process of its own is watched while it goes: its resident memory, its rate, the ledger's
size. It is killed half way and started again, and last it is run once more when all is answered.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from services.evaluator import result
from tools.bench.machine import Machine, revision, today
from tools.chaos.trial import witness

LOOK_S = 2.0
LIMIT_MIB = 400
BANDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One look at a run under way."""

    seconds: float
    rss_mib: float
    answers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Soak:
    """What was seen of a run from its start to its end."""

    looks: Sequence[Look]
    seconds: float

    @property
    def peak_mib(self) -> float:
        """The most memory that it had."""
        return max(look.rss_mib for look in self.looks)

    def bands(self, items: int) -> list[tuple[int, float, float]]:
        """Returns for each tenth of the items: how many there were, answers per second, and memory in MiB."""
        found: list[tuple[int, float, float]] = []
        for band in range(1, BANDS + 1):
            low, high = items * (band - 1) // BANDS, items * band // BANDS
            within = [look for look in self.looks if low <= look.answers <= high]
            if len(within) > 1 and within[-1].seconds > within[0].seconds:
                rate = (within[-1].answers - within[0].answers) / (within[-1].seconds - within[0].seconds)
                found += [(high, rate, max(look.rss_mib for look in within))] if rate else []
        return found


def main(options: argparse.Namespace) -> int:
    """Soaks, prints and writes what was seen; returns the exit status."""
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, out = folder / "items.jsonl", folder / "results"
        _write_items(data, options.items)
        with witness("echo", folder / "witness.log", 0.0) as port:
            command = _command(data, out, port)
            half = _watch(command, out, console, until=options.items // 2)
            killed_at = half.looks[-1].answers
            rest = _watch(command, out, console)
            again = _watch(command, out, console)
        experiment = result.load(out)
        sizes = [_mib(out / "ledger.sqlite"), _mib(out / experiment.results[0].answers)]
        asked = sum(1 for _ in (folder / "witness.log").open())
    lines = _lines(options.items, half, rest, again, killed_at, sizes, asked)
    for line in lines:
        console.print(line, highlight=False, markup=False)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        head = ["# A million items", "", "| | |\n|---|---|", Machine.here().markdown()]
        head += [f"| commit | {revision()} |", ""]
        options.out.write_text("\n".join([*head, *lines, ""]))
    peak = max(soak.peak_mib for soak in (half, rest, again))
    return 0 if peak <= LIMIT_MIB and experiment.results[0].total.n == options.items else 1


def _write_items(path: Path, count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            row = {
                "id": f"item-{number:07d}",
                "question": f"Which of these four sounds is number {number} in the list of things that can be heard?",
                "choices": ["A dog that barks", "A bell that rings", "Rain on a roof", "A door that closes"],
                "answer": "A bell that rings",
                "category": f"Category {number % 6}",
                "subcategory": f"Subcategory {number % 48}",
            }
            file.write(json.dumps(row) + "\n")


def _command(data: Path, out: Path, port: int) -> list[str]:
    where = ["--data", str(data), "--out", str(out), "--llm", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "services.cli", "run", "akb", "text", *where]


def _watch(command: Sequence[str], out: Path, console: Console, until: int | None = None) -> Soak:
    """Runs the command to its end, or kills it once so many answers are there."""
    started, looks = time.monotonic(), list[Look]()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(LOOK_S)
            look = _look(process.pid, out / "ledger.sqlite", time.monotonic() - started)
            if look:
                looks.append(look)
                console.print(f"{look.seconds:7.0f} s  {look.answers:9d} answers  {look.rss_mib:5.0f} MiB", style="dim")
            if until is not None and looks and looks[-1].answers >= until:
                process.send_signal(signal.SIGKILL)
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the run ended with {process.returncode}")
    return Soak(looks=looks, seconds=time.monotonic() - started)


def _look(pid: int, ledger: Path, seconds: float) -> Look | None:
    try:
        rss = psutil.Process(pid).memory_info().rss / 2**20
    except psutil.NoSuchProcess:
        return None
    answers = 0
    if ledger.is_file():
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)) as file:
            answers = file.execute("SELECT MAX(rowid) FROM answers").fetchone()[0] or 0
    return Look(seconds=seconds, rss_mib=rss, answers=answers)


def _mib(path: Path) -> float:
    return path.stat().st_size / 2**20


def _lines(
    items: int, half: Soak, rest: Soak, again: Soak, killed_at: int, sizes: Sequence[float], asked: int
) -> list[str]:
    first_new = next((look.seconds for look in rest.looks if look.answers > killed_at), rest.seconds)
    rows = [*half.bands(items), *rest.bands(items)]
    return [
        f"`make soak-evaluator`, {today()}: {items:,} items against the echo engine, which answers at once; killed",
        f"with SIGKILL at {killed_at:,} answers and started again. The service ran on the same machine, with a",
        "witness that wrote every question down.",
        "",
        "| answers | per second | memory, MiB |",
        "|---|---|---|",
        *(f"| {count:,} | {rate:,.0f} | {rss:.0f} |" for count, rate, rss in rows),
        "",
        f"Peak memory {max(half.peak_mib, rest.peak_mib, again.peak_mib):.0f} MiB (at most {LIMIT_MIB}).",
        f"First new answer {first_new:.0f} s after the restart, over {killed_at:,} answers that were there.",
        f"A third start, with every answer there, took {again.seconds:.0f} s to the report.",
        f"Questions asked {asked:,}: {asked - items:,} more than items, which were in flight at the kill.",
        f"Ledger {sizes[0]:,.0f} MiB, answers file {sizes[1]:,.0f} MiB.",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    sys.exit(main(parser.parse_args()))
