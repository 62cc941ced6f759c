"""The mock as a process of its own, for the length of one measurement."""

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass

from earwitness.errors import NotReady
from tools.bench.machine import ROOT
from tools.bench.mock import DELAY_S, MODEL, Stats

STOP_WITHIN_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class MockProcess:
    """A mock that serves on the loopback."""

    http: int
    grpc: int
    idle_cpu_s: float = 0.0
    """CPU seconds that starting it took."""

    def stats(self) -> Stats:
        """Asks what it has seen so far; CPU time counts from when it was ready."""
        seen = self._stats()
        seen.cpu_s -= self.idle_cpu_s
        return seen

    def _stats(self) -> Stats:
        connection = http.client.HTTPConnection("127.0.0.1", self.http)
        with contextlib.closing(connection):
            connection.request("GET", "/stats")
            return Stats(**json.load(connection.getresponse()))


@contextlib.contextmanager
def mock(delay_s: float = DELAY_S, places: int = 0, model: str = MODEL) -> Generator[MockProcess]:
    """Starts a mock and ends it; raises NotReady where it does not come up."""
    options = ["--delay-s", str(delay_s), "--places", str(places), "--model", model]
    command = [sys.executable, "-m", "tools.bench.mock", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ports = process.stdout.readline()
        if not ports:
            raise NotReady("the mock did not start", "tools.bench.mock", "its error stands above")
        starting = MockProcess(**json.loads(ports))
        yield MockProcess(http=starting.http, grpc=starting.grpc, idle_cpu_s=starting.stats().cpu_s)
    finally:
        process.terminate()
        process.wait(STOP_WITHIN_S)
