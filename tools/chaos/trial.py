"""One trial: a run that is killed at random moments and started again until it is done, and what it left behind."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.evaluator import result

SOON_S, LIMIT_S = 0.05, 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What is run, again and again."""

    benchmark: str
    data: Path | None
    port: int
    log: Path
    """Of the witness: a line for each question that it was asked."""
    in_flight: int
    max_tokens: int

    def command(self, out: Path, ledger: str) -> list[str]:
        """Returns the command line of a run."""
        data = ["--data", str(self.data)] if self.data else []
        rest = ["--in-flight", str(self.in_flight), "--max-tokens", str(self.max_tokens), "--ledger", ledger]
        llm = ["--llm", f"127.0.0.1:{self.port}"]
        return [
            sys.executable,
            "-m",
            "services.cli",
            "run",
            self.benchmark,
            "text",
            *data,
            *rest,
            *llm,
            "--out",
            str(out),
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What came of a run."""

    kills: int
    seconds: float
    items: int
    asked: int
    """Questions that the service was asked, over every start."""
    repeated: int
    """Of them, those that it had been asked before."""
    results: bytes
    answers: bytes


@contextmanager
def witness(engine: str, log: Path, delay_s: float) -> Generator[int]:
    """Runs the service and yields its port."""
    command = [
        sys.executable,
        "-m",
        "tools.chaos.served",
        "--engine",
        engine,
        "--log",
        str(log),
        "--delay-s",
        str(delay_s),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield _port(process)
        finally:
            process.terminate()


def attempt(setup: Setup, out: Path, ledger: str, lives_s: Iterator[float]) -> Trial:
    """Starts the run, kills it after each of `lives_s`, and starts it again until it ends by itself.

    Raises RuntimeError, with what it said, for a run that fails or does not end.
    """
    started, before, kills = time.monotonic(), _asked(setup.log), 0
    while True:
        if time.monotonic() - started > LIMIT_S:
            raise RuntimeError(f"the run did not end in {LIMIT_S:g} s, after {kills} kills")
        with subprocess.Popen(
            setup.command(out, ledger), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                said, _ = process.communicate(timeout=next(lives_s, LIMIT_S))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
                continue
        if process.returncode:
            raise RuntimeError(f"the run failed: {said[-2000:]}")
        break
    asked = _asked(setup.log) - before
    (run,) = result.load(out).results
    return Trial(
        kills=kills,
        seconds=time.monotonic() - started,
        items=len(run.outcomes),
        asked=asked.total(),
        repeated=asked.total() - len(asked),
        results=(out / result.RESULTS).read_bytes(),
        answers=(out / run.answers).read_bytes(),
    )


def lives(seed: int, whole_s: float, most: int) -> Iterator[float]:
    """Yields how long each start may live: from its first moment to its end, `most` times at most."""
    luck = random.Random(seed)
    for _ in range(luck.randint(1, most)):
        yield luck.uniform(SOON_S, 1.05 * whole_s)


def _asked(log: Path) -> Counter[str]:
    return Counter(log.read_text().split()) if log.is_file() else Counter()


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().isdigit():
            return int(line)
    raise RuntimeError("the service did not start")
