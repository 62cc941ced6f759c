"""Files that change under a running process, such as a mounted Kubernetes secret: read again once they have."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from earwitness.errors import EarwitnessError

log = logging.getLogger(__name__)
T = TypeVar("T")
Signature = tuple[tuple[int, int, int] | None, ...]
LOOK_EVERY_S = 1.0


class Watched(Generic[T]):
    """What some files hold. A change that cannot be read is logged, and what was read before stays in force."""

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[], T],
        *,
        every_s: float = LOOK_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads at once, and raises what `read` raises. Later it looks at the files at most every `every_s` seconds."""
        self._files = tuple(files)
        self._read = read
        self._every_s = every_s
        self._clock = clock
        self._seen = self._signature()
        self._value = read()
        self._due = clock() + every_s

    def value(self) -> T:
        """Returns what the files hold, as of a moment ago."""
        now = self._clock()
        if now >= self._due:
            self._due = now + self._every_s
            self._look()
        return self._value

    def _look(self) -> None:
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._value = self._read()
        except EarwitnessError as error:
            log.error("a changed file cannot be used, and what it held before stays in force: %s", error)
        else:
            log.info("read again: %s", ", ".join(str(file) for file in self._files))

    def _signature(self) -> Signature:
        return tuple(_signature(file) for file in self._files)


def _signature(file: Path) -> tuple[int, int, int] | None:
    """Tells one content from the next; a secret's symbolic link that is swapped has another inode."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
