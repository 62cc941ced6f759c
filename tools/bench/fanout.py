"""How fast harnesses ask: Earwitness, a bare client, lm-eval and inspect-ai side by side against one mock, in one run.

    python -m tools.bench.fanout [--items 20000] [--in-flight 256 64] [--out docs/benchmarks/fanout.md]

`--quick` measures the bare client and Earwitness alone, once and with few items: it shows that the benchmark works. The
whole takes more than half an hour, much of it inspect-ai's, which therefore runs one round on text.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from earwitness import __version__
from earwitness.errors import EarwitnessError
from tools.bench import page, process, rivals, serving, workload
from tools.bench.contestants import Account, Bare, Contestant, Earwitness, Trial
from tools.bench.figures import Lap
from tools.bench.machine import Machine, versions
from tools.bench.workload import Workload

QUICK_ITEMS, QUICK_CLIPS, QUICK_IN_FLIGHT = 400, 40, 64
OURS: tuple[Contestant, ...] = (
    Bare(wire="http"),
    Earwitness(wire="http"),
    Bare(wire="grpc"),
    Earwitness(wire="grpc"),
)
WIDTH = 160
"""Of the output where it is no terminal, whose width would be known."""
ENVIRONMENT = {"NO_PROXY": "*", "OMP_NUM_THREADS": "1"}
"""For every harness: all that is asked is on the loopback, and none computes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A contestant and the number of rounds that it takes part in."""

    contestant: Contestant
    rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Race:
    """Contestants that are asked for the same, with the same number in flight."""

    workload: Workload
    in_flight: int
    entries: tuple[Entry, ...]

    def rounds(self) -> Iterator[tuple[int, Contestant]]:
        """Yields rounds and who runs in them: a round begins with another contestant than the one before."""
        for number in range(max(entry.rounds for entry in self.entries)):
            first = number % len(self.entries)
            for entry in (*self.entries[first:], *self.entries[:first]):
                if number < entry.rounds:
                    yield number, entry.contestant


def measure(contestant: Contestant, work: Workload, in_flight: int, number: int = 0) -> Lap:
    """Runs a contestant once, against a mock of its own, in a folder that does not stay.

    Raises EarwitnessError where it fails, or did not ask or score everything.
    """
    where = f"{contestant.name} over {contestant.wire}"
    with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as folder, serving.mock() as mock:
        trial = Trial(workload=work, in_flight=in_flight, mock=mock, folder=Path(folder))
        trial.out.mkdir()
        cost = process.run(contestant.command(trial), trial.folder)
        seen = mock.stats()
        try:
            account = contestant.account(trial)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise EarwitnessError(f"its results cannot be read: {error!r}", where) from error
        written = process.bytes_under(trial.out)
    _check(account, seen.asked, work, where)
    return Lap(
        name=contestant.name,
        wire=contestant.wire,
        benchmark=work.benchmark,
        in_flight=in_flight,
        round=number,
        items=work.num_items,
        own_s=account.seconds,
        process_s=cost.wall_s,
        server_s=seen.asking_s,
        cpu_s=cost.cpu_s,
        peak_rss=cost.peak_rss,
        written=written,
        mock_cpu_s=seen.cpu_s,
        mock_peak=seen.peak_in_flight,
    )


def run(races: Sequence[Race], say: Callable[[str], None]) -> tuple[list[Lap], list[str]]:
    """Runs all races; returns the laps, and what failed: one failure should not cost half an hour of figures."""
    laps: list[Lap] = []
    failures: list[str] = []
    for race in races:
        for number, contestant in race.rounds():
            what = f"{race.workload.setting:<5} {race.in_flight:>3} in flight, round {number + 1}"
            what = f"{what}: {contestant.name} over {contestant.wire}"
            try:
                lap = measure(contestant, race.workload, race.in_flight, number)
            except EarwitnessError as error:
                failures.append(f"{what}: {' '.join(str(error).split())}")
                say(f"FAILED {failures[-1]}")
                continue
            laps.append(lap)
            rates = [f"{lap.rate(clock):,.0f}" for clock in ("own", "process", "server")]
            say(f"{what}: {' / '.join(rates)} items/s (own / process / server)")
    return laps, failures


def plan(options: argparse.Namespace, folder: Path) -> list[Race]:
    """Writes the questions and says who is asked what."""
    (folder / "text").mkdir()
    (folder / "audio").mkdir()
    text = workload.write_text(folder / "text", options.items)
    ours = tuple(Entry(contestant=each, rounds=options.rounds) for each in OURS)
    races: list[Race] = []
    rivals_too = () if options.quick else _rivals_on_text(options)
    once = tuple(Entry(contestant=each, rounds=1) for each in OURS)
    for number, in_flight in enumerate(options.in_flight):
        entries = once if number else (*ours, *rivals_too)
        races.append(Race(workload=text, in_flight=in_flight, entries=entries))
    if options.clips:
        clips = workload.write_audio(folder / "audio", options.clips)
        os.sync()  # else the disk is written to while the first clips are asked
        hearing = tuple(entry for entry in ours if isinstance(entry.contestant, Earwitness))
        inspect = (rivals.InspectAi(keeps_answers=False), *((rivals.InspectAi(),) if options.kept else ()))
        others = () if options.quick else tuple(Entry(contestant=each, rounds=options.rounds) for each in inspect)
        races.append(Race(workload=clips, in_flight=options.in_flight[0], entries=(*hearing, *others)))
    return races


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 1 where a harness failed."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    os.environ.update(ENVIRONMENT)
    machine, started = Machine.here(), time.monotonic()
    found = {"earwitness": __version__, **versions("aiohttp", "uvloop", "grpcio", "protobuf", "msgspec")}
    if not options.quick:
        found |= rivals.prepare()
    with tempfile.TemporaryDirectory(prefix="earwitness-bench-") as folder:
        laps, failures = run(plan(options, Path(folder)), lambda line: console.print(line, highlight=False))
    tables = page.tables(laps, failures)
    page.show(tables, console)
    if options.out:
        command = shlex.join(
            ["python", "-m", "tools.bench.fanout", *(sys.argv[1:] if arguments is None else arguments)]
        )
        minutes = (time.monotonic() - started) / 60
        page.write(options.out, tables, machine=machine, command=command, versions=found, minutes=minutes)
        console.print(f"\nFigures: {options.out}")
    return 1 if failures else 0


def _rivals_on_text(options: argparse.Namespace) -> tuple[Entry, ...]:
    """Returns the rivals at their fastest, and, where that is wanted, as they are run by who wants to score again."""
    fastest = (rivals.LmEval(keeps_answers=False), rivals.InspectAi(keeps_answers=False))
    kept = (rivals.LmEval(), rivals.InspectAi()) if options.kept else ()
    return tuple(Entry(contestant=each, rounds=options.slow_rounds) for each in (*fastest, *kept))


def _check(account: Account, asked: int, work: Workload, where: str) -> None:
    """Raises EarwitnessError unless everything was asked and, by a harness that scores, scored right."""
    if account.items != work.num_items or asked < work.num_items:
        raise EarwitnessError(f"of {work.num_items} items {asked} were asked and {account.items} counted", where)
    expected = workload.right_share(work.num_items)
    if account.accuracy is not None and abs(account.accuracy - expected) > 1e-6:
        raise EarwitnessError(f"it found an accuracy of {account.accuracy}, not {expected}", where)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.bench.fanout", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, help="questions in text (default: 20000)")
    parser.add_argument("--clips", type=int, help="ten-second clips, 320 kB each; 0 leaves audio out (default: 2000)")
    parser.add_argument(
        "--in-flight", type=int, nargs="+", help="asked at once; rivals and audio take the first (default: 256 64)"
    )
    parser.add_argument("--rounds", type=int, help="(default: 3)")
    parser.add_argument(
        "--slow-rounds", type=int, default=1, help="of rivals that take minutes, in text (default: %(default)s)"
    )
    parser.add_argument("--kept", action="store_true", help="the rivals keeping their answers, too (minutes more)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    parser.add_argument("--quick", action="store_true", help="one round, few items, no rivals")
    options = parser.parse_args(arguments)
    defaults = (QUICK_ITEMS, QUICK_CLIPS, [QUICK_IN_FLIGHT], 1) if options.quick else (20_000, 2_000, [256, 64], 3)
    for name, value in zip(("items", "clips", "in_flight", "rounds"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    sys.exit(main())
