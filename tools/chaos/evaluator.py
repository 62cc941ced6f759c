"""`make chaos-evaluator`: runs killed with SIGKILL at random moments and started again until they are done.

Every run must leave the same bytes as one that nobody disturbed; nothing may be lost, and nothing paid for twice but
what was in flight when the run was killed. On SQLite and on PostgreSQL; with the echo engine, and with a real model.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from services.evaluator.run import WORKERS_PER_PLACE
from tools import postgres
from tools.bench.machine import Machine, revision, today
from tools.chaos.trial import Setup, Trial, attempt, lives, witness

ITEMS, DELAY_S, IN_FLIGHT = 800, 0.02, 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The trials of one engine on one database."""

    engine: str
    database: str
    calm: Trial
    trials: Sequence[Trial]

    @property
    def faults(self) -> list[str]:
        """What did not hold."""
        found: list[str] = []
        for number, trial in enumerate(self.trials):
            where = f"{self.engine} on {self.database}, trial {number}"
            if trial.results != self.calm.results or trial.answers != self.calm.answers:
                found.append(f"{where}: other bytes than without a kill")
            if trial.asked - trial.repeated != self.calm.items:
                found.append(f"{where}: {trial.asked - trial.repeated} of {self.calm.items} items were asked")
            if trial.repeated > trial.kills * IN_FLIGHT * WORKERS_PER_PLACE:
                found.append(f"{where}: {trial.repeated} repeated, more than was under way at {trial.kills} kills")
        return found

    @property
    def row(self) -> tuple[str, ...]:
        """The series as cells of a table."""
        kills, repeated = sum(t.kills for t in self.trials), [t.repeated / max(t.kills, 1) for t in self.trials]
        return (
            self.engine,
            self.database,
            str(len(self.trials)),
            str(kills),
            str(self.calm.items),
            f"{max(repeated, default=0):.1f}",
            f"{median(t.seconds for t in self.trials):.1f}",
            "yes" if not self.faults else "NO",
        )


HEADS = ("engine", "ledger", "runs", "kills", "items", "most asked again per kill", "median s", "same bytes, none lost")


def main(options: argparse.Namespace) -> int:
    """Runs every series, prints and writes the table; returns the exit status."""
    console, found = Console(), list[Series]()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, url = Path(name), stack.enter_context(postgres.server())
        for engine, runs, kills in (("echo", options.runs, 6), ("vllm", options.model_runs, 3)):
            if not runs:
                continue
            log = folder / f"{engine}.log"
            port = stack.enter_context(witness(engine, log, DELAY_S if engine == "echo" else 0.0))
            setup = _setup(engine, folder, port, log, options.model_items)
            for database, share in (("sqlite", runs - runs // 2), ("postgresql", runs // 2)):
                found.append(_series(setup, engine, database, url, folder, share, kills, console))
    for each in found:
        console.print("  ".join(each.row))
    faults = [fault for each in found for fault in each.faults]
    console.print(*(faults or ["Everything held."]), sep="\n")
    if options.out:
        _write(options.out, found, faults)
    return 1 if faults else 0


def _setup(engine: str, folder: Path, port: int, log: Path, model_items: int) -> Setup:
    data = folder / f"{engine}.jsonl"
    rows = _rows(ITEMS if engine == "echo" else model_items)
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Setup(benchmark="akb", data=data, port=port, log=log, in_flight=IN_FLIGHT, max_tokens=8)


def _rows(count: int) -> list[dict[str, object]]:
    """Questions of mini-akb, and then of our own making."""
    from services.evaluator import benchmarks

    known = benchmarks.load("mini-akb").items
    return [
        {
            "id": f"{number}",
            "question": known[number % len(known)].question + (f" ({number})" if number >= len(known) else ""),
            "choices": list(known[number % len(known)].choices),
            "answer": known[number % len(known)].answer,
            "category": known[number % len(known)].groups["category"],
        }
        for number in range(count)
    ]


def _series(
    setup: Setup, engine: str, database: str, url: str, folder: Path, runs: int, kills: int, console: Console
) -> Series:
    def run(name: str, lives_s: Iterator[float]) -> Trial:
        out = folder / f"{engine}-{database}-{name}"
        with _ledger(database, url, out) as ledger:
            return attempt(setup, out, ledger, lives_s)

    calm, trials = run("calm", iter(())), list[Trial]()
    for number in range(runs):
        trials.append(run(f"{number}", lives(number, calm.seconds, kills)))
        trial = trials[-1]
        console.print(
            f"{engine} {database} {number + 1}/{runs}: {trial.kills} kills, {trial.repeated} asked again, "
            f"{trial.seconds:.1f} s",
            style="dim",
        )
    return Series(engine=engine, database=database, calm=calm, trials=trials)


@contextmanager
def _ledger(database: str, url: str, out: Path) -> Generator[str]:
    """Yields the URL of an empty ledger."""
    if database == "sqlite":
        yield f"sqlite:///{out}.sqlite"
        return
    with postgres.database(url) as own:
        yield own


def _write(path: Path, found: Sequence[Series], faults: Sequence[str]) -> None:
    lines = [
        "# Runs killed at random",
        "",
        f"`make chaos-evaluator`, {today()}. Each run was killed with SIGKILL at random moments, from its first to",
        f"its last, and started again until it ended. {IN_FLIGHT} items were with the service, and as many again were",
        "being looked up or written down. `vllm` is SmolLM2-135M-Instruct in float32. A run's `results.json` and",
        "answers file are compared, byte for byte, with those of a run that nobody disturbed.",
        "",
        "| | |\n|---|---|",
        Machine.here().markdown(),
        f"| commit | {revision()} |",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *(f"| {' | '.join(each.row)} |" for each in found),
        "",
        *(faults or ["Nothing was lost, and nothing asked twice but what was under way."]),
        "",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="with the echo engine")
    parser.add_argument("--model-runs", type=int, default=10, help="with SmolLM2 in vLLM")
    parser.add_argument("--model-items", type=int, default=60)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the Markdown file to write")
    sys.exit(main(parser.parse_args()))
