"""Ray Serve's replicas as processes: found by their titles, and killed as a kernel would that is out of memory."""

import contextlib
import random
from collections.abc import Sequence

import psutil

from tools.serving.child import Child

TITLE = "ray::ServeReplica:"


def alive(cluster: Child) -> list[psutil.Process]:
    """Returns the processes of the replicas that are there now."""
    found: list[psutil.Process] = []
    for process in cluster.tree():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[:1] and process.cmdline()[0].startswith(TITLE):
                found.append(process)
    return found


def kill_one(cluster: Child, luck: random.Random) -> list[psutil.Process]:
    """Kills a replica with SIGKILL and returns its own children, which should not outlive it; none if there is none.

    Raises LookupError where no replica is there.
    """
    there = alive(cluster)
    if not there:
        raise LookupError("there is no replica to kill")
    victim = luck.choice(there)
    children = victim.children(recursive=True)
    victim.kill()
    return children


def left_of(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Returns those that still run."""
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
