"""A lock on a folder, which the system releases when the process ends, however it ends."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def alone_in(folder: Path) -> Generator[None, None, None]:
    """Holds the lock of a folder that is there; of two processes that want it, the second waits for the first."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
