"""Ports and processes of this machine: who listens, and the end of what an earlier, killed run left behind."""

import contextlib
import errno
import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from earwitness.errors import InvalidInput, NotReady

GRACE_S = 5.0
SAME_START_S = 1.0
"""A process whose start differs by less is the recorded one: no number comes round again so soon. Its name may differ,
since Ray's workers change theirs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A process as it was recorded: its number alone may since have gone to another process."""

    pid: int
    created: float
    name: str


def record(file: Path, pids: list[int]) -> None:
    """Writes down processes of ours, so that a later run may end them."""
    left = [process for pid in pids if (process := _describe(pid))]
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(".tmp")
    scratch.write_text(json.dumps([asdict(process) for process in left]))
    scratch.replace(file)


def end_recorded(file: Path) -> list[Left]:
    """Ends the recorded processes that still live, and their children; returns those that it ended."""
    if not file.is_file():
        return []
    alive: set[psutil.Process] = set()
    for entry in json.loads(file.read_text()):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["created"]) < SAME_START_S:
                alive |= {process, *process.children(recursive=True)}
    ended = [left for process in alive if (left := _describe(process.pid))]
    for process in alive:
        _ask(process, "terminate")
    for process in psutil.wait_procs(alive, timeout=GRACE_S)[1]:
        _ask(process, "kill")
    psutil.wait_procs(alive, timeout=GRACE_S)
    file.unlink()
    return ended


def require_free(host: str, port: int, key: str) -> None:
    """Raises NotReady, with the holder where it can be seen, if something listens on the port or nothing may.

    Raises InvalidInput for a number that is no port.
    """
    if not 0 <= port <= 65535:
        raise InvalidInput(f"{port} is not a port", key, "choose one from 0 to 65535; 0 takes a free one")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                remedy = f"choose an address of this machine, and a port that is open to you with {key}"
                raise NotReady(f"cannot be listened on: {error.strerror}", f"{host}:{port}", remedy) from None
            remedy = f"stop it, or choose another port with {key}"
            raise NotReady(f"port {port} is in use{_holder(port)}", f"{host}:{port}", remedy) from None


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error):  # another user's processes may be out of sight
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""


def _describe(pid: int) -> Left | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return Left(pid=pid, created=process.create_time(), name=process.name())
    return None


def _ask(process: psutil.Process, what: str) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        getattr(process, what)()
