"""Evaluates checkpoints while training goes on: serves one with our own LALM service, and asks it benchmarks.

Both are processes of their own, started by the commands that a user would type; the trainer knows neither service. One
checkpoint is evaluated at a time, in the order that they were written. A failed evaluation is said, and ends nothing.
"""

import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from earwitness.errors import EngineFailure
from services.trainer.config import EvaluateConfig

SERVED = ("model.safetensors", "config.json")
GRACE_S = 20.0
TAIL_LINES = 3


class Evaluations:
    """The evaluations of one run, on a thread. Use it as a context manager: it waits for what was begun."""

    def __init__(self, config: EvaluateConfig, folder: Path, say: Callable[[str], None]) -> None:
        """Results, ledger and logs go below `folder`; `say` hears a line for every evaluation."""
        self._config = config
        self._folder = folder
        self._say = say
        self._due: queue.SimpleQueue[tuple[str, Path] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="evaluations")
        self._seen = 0
        self._abandoned = threading.Event()

    def __enter__(self) -> "Evaluations":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is not None:
            self._abandoned.set()
        self._due.put(None)
        self._thread.join()

    def submit(self, name: str, checkpoint: Path, *, last: bool = False) -> None:
        """Has a checkpoint evaluated if it is its turn, and if an earlier start of the run has not done it."""
        self._seen += 1
        place = self._folder / name
        if not (last or self._seen % self._config.every == 0) or (place / "done").is_file():
            return
        # Links: the run may drop the checkpoint before its turn comes.
        held = place / "checkpoint"
        shutil.rmtree(held, ignore_errors=True)
        held.mkdir(parents=True)
        for file in SERVED:
            try:
                os.link(checkpoint / file, held / file)
            except OSError:  # another file system, or one without links
                shutil.copyfile(checkpoint / file, held / file)
        self._due.put((name, held))

    def _work(self) -> None:
        while (due := self._due.get()) is not None and not self._abandoned.is_set():
            name, checkpoint = due
            try:
                self._evaluate(name, checkpoint)
            except (EngineFailure, OSError) as error:
                self._say(f"evaluation of {name} failed: {error}")
            else:
                (self._folder / name / "done").touch()
                self._say(f"evaluated {name}: see {self._folder}")
            shutil.rmtree(checkpoint, ignore_errors=True)

    def _evaluate(self, name: str, checkpoint: Path) -> None:
        place = self._folder / name
        with self._served(checkpoint, place / "lalm.log") as address:
            for benchmark in self._config.benchmarks:
                arguments = ["run", benchmark, "audio", "--lalm", address, "--out", str(self._folder)]
                log = place / f"{benchmark}.log"
                with log.open("wb") as file:
                    command = [*_earwitness(*arguments), *self._config.run]
                    done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
                if done.returncode:
                    raise EngineFailure(f"{benchmark}: {_tail(log)}", str(log))

    @contextmanager
    def _served(self, checkpoint: Path, log: Path) -> Generator[str]:
        """Serves a checkpoint; yields its address."""
        port = free_port()
        settings = [f"checkpoint={checkpoint}", *self._config.lalm]
        options = [part for setting in settings for part in ("--set", setting)]
        command = _earwitness("serve", "lalm", "--port", str(port), *options)
        with (
            log.open("wb") as file,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True) as process,
        ):
            try:
                assert process.stdout is not None
                if not any("serves" in line for line in process.stdout):
                    raise EngineFailure(f"the LALM did not start: {_tail(log)}", str(log))
                yield f"127.0.0.1:{port}"
            finally:
                process.terminate()
                try:
                    process.wait(GRACE_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def _earwitness(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "services.cli", *arguments]


def free_port() -> int:
    """Returns a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-TAIL_LINES:])
