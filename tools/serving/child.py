"""A process of ours that answers JSON lines: it says one line when it is ready, and one for each line that it is told.

It ends when its input does, and so with whoever started it. Its lines come over a pipe of their own, since what it
loads may print.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, TextIO

import psutil

from earwitness.errors import DeadlineExceeded, EarwitnessError
from tools.bench.machine import ROOT

READY_WITHIN_S, ANSWER_WITHIN_S, STOP_WITHIN_S = 300.0, 1800.0, 30.0
TAIL_CHARS = 2000
REPLIES = "EARWITNESS_TOOLS_REPLIES"
"""The environment variable that holds the number of the pipe."""
Answer = dict[str, Any]


class Child:
    """A running one."""

    def __init__(self, process: "subprocess.Popen[str]", replies: TextIO, log: Path) -> None:
        """Reads the line that says that it is ready; raises what `_read` raises."""
        self._process = process
        self._replies = replies
        self._log = log
        self.ready: Answer = self._read(READY_WITHIN_S)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(self, within_s: float = ANSWER_WITHIN_S, **command: Any) -> Answer:
        """Tells it something and returns what it says to that; raises EarwitnessError where it ends instead."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its output says why
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        return self._read(within_s)

    def tree(self) -> list[psutil.Process]:
        """Returns its processes that live."""
        return _tree(self.pid)

    def cpu_s(self) -> float:
        """Returns the CPU time that its living processes have taken, user and system."""
        total = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def _read(self, within_s: float) -> Answer:
        """Returns its next line; raises EarwitnessError with the end of its log, or DeadlineExceeded and kills it."""
        late = threading.Timer(within_s, self._process.kill)
        late.start()
        try:
            line = self._replies.readline()
        finally:
            late.cancel()
        if line:
            return json.loads(line)
        if late.finished.is_set() and not late.is_alive() and self._process.wait() == -signal.SIGKILL:
            raise DeadlineExceeded(f"said nothing, in {within_s:g} s or until it was killed", " ".join(self._words))
        raise EarwitnessError(f"ended: {self._log.read_text(errors='replace')[-TAIL_CHARS:]}", " ".join(self._words))

    @property
    def _words(self) -> list[str]:
        arguments = self._process.args
        return [str(word) for word in arguments][2:] if isinstance(arguments, list) else []


@contextlib.contextmanager
def child(module: str, *arguments: str, log: Path, env: Mapping[str, str] | None = None) -> Generator[Child]:
    """Runs `python -m module arguments...` and yields it once it is ready; what it prints goes to the file `log`.

    At the end it is given time to end by itself, and what is left of its processes is killed.
    """
    command = [sys.executable, "-m", module, *arguments]
    reading, writing = os.pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            text=True,
            env={**os.environ, **(env or {}), REPLIES: str(writing)},
            pass_fds=[writing],
        )
    os.close(writing)
    replies = os.fdopen(reading)
    try:
        yield Child(process, replies, log)
    finally:
        descendants = _tree(process.pid)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
        process.kill()
        process.wait()
        replies.close()
        for left in descendants:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


def answer(ready: Answer, tell: Callable[[Answer], Answer]) -> None:
    """Is the child's side: says `ready`, then what `tell` makes of each line, until the input ends."""
    number = int(os.environ[REPLIES])
    os.set_inheritable(number, False)
    with os.fdopen(number, "w") as out:
        for reply in _replies(ready, tell):
            out.write(json.dumps(reply) + "\n")
            out.flush()


def _tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def _replies(ready: Answer, tell: Callable[[Answer], Answer]) -> Generator[Answer]:
    yield ready
    for line in sys.stdin:
        yield tell(json.loads(line))
