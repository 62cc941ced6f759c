"""Runs a command and says what it cost: time by the clock, CPU time, memory, bytes written."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from earwitness.errors import DeadlineExceeded, EarwitnessError

SAMPLE_S = 0.5
"""Between looks at the memory: finding a process's children reads all of /proc, which costs milliseconds."""
LIMIT_S = 3600.0
TAIL_CHARS = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """What to run."""

    arguments: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to this process's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a process and its descendants took."""

    wall_s: float
    cpu_s: float
    """User and system time."""
    peak_rss: int
    """Bytes resident at one time, summed over the processes, as seen twice a second."""


def run(command: Command, folder: Path, limit_s: float = LIMIT_S) -> Cost:
    """Runs the command in `folder` to its end; its output goes to the files `stdout` and `stderr` there.

    Raises EarwitnessError with the end of its output where it fails, DeadlineExceeded where it takes over `limit_s`.
    """
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            cwd=folder,
            env={**os.environ, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        with _Watch(process.pid, limit_s) as watch:
            _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if watch.late:
        raise DeadlineExceeded(f"not done in {limit_s:g} s", command.arguments[0])
    if process.returncode:
        output = (folder / "stderr").read_text(errors="replace") + (folder / "stdout").read_text(errors="replace")
        raise EarwitnessError(f"exit status {process.returncode}: {output[-TAIL_CHARS:]}", command.arguments[0])
    peak = max(watch.peak_rss, usage.ru_maxrss * 1024)
    return Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_rss=peak)


def bytes_under(folder: Path) -> int:
    """Returns the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class _Watch:
    """Looks at a process's memory until it is left; ends its group when its time is up, or we are interrupted."""

    def __init__(self, pid: int, limit_s: float) -> None:
        self.peak_rss = 0
        self.late = False
        self._pid = pid
        self._deadline = time.monotonic() + limit_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is not None:
            self._end()
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self.peak_rss = max(self.peak_rss, self._rss())
            if time.monotonic() > self._deadline:
                self.late = True
                self._end()
                return

    def _rss(self) -> int:
        total = 0
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._pid)
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
        return total

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
