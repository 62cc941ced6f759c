"""Clips on disk: each audio file is decoded once in its life, and kept as 16 kHz mono WAV under its content's hash.

The store stands in the cache folder (`earwitness.home`), where all can be made again. Which file holds which clip is
remembered by the file's path, size and time of change.
"""

import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from earwitness import audio, wav
from earwitness.errors import NotFound
from earwitness.home import home

THREADS = 4
"""Decoding holds Python's lock for a part of the time only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredClip:
    """A clip that was decoded: its hash, its length, and the file that holds it."""

    sha256: str
    seconds: float
    path: Path

    def read(self) -> bytes:
        """Returns the clip as a WAV file."""
        return self.path.read_bytes()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What is remembered of a source file."""

    sha256: str
    seconds: float


@dataclass(kw_only=True, slots=True)
class ClipStore:
    """A folder of clips. Its methods block, and threads may share it."""

    folder: Path = field(default_factory=lambda: home() / "clips")
    decoded: int = 0
    """Files that had to be decoded: the others were known."""
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "clips"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, source: Path) -> StoredClip:
        """Returns the clip in an audio file; raises what `audio.read` raises."""
        try:
            status = source.stat()
        except OSError:
            raise NotFound(
                "no such audio file", str(source), "check the path, and the folder it is relative to"
            ) from None
        place = f"{source.absolute()}\0{status.st_size}\0{status.st_mtime_ns}"
        note = self.folder / "sources" / _sharded(hashlib.sha256(place.encode()).hexdigest())
        known = _recall(note)
        if known and self._file(known.sha256).is_file():
            return self._stored(known)
        clip = audio.read(source)
        with self._lock:
            self.decoded += 1
        file = self._file(clip.sha256)
        if not file.is_file():
            _write(file, wav.encode(clip))
        known = _Known(sha256=clip.sha256, seconds=clip.seconds)
        _write(note, json.dumps(asdict(known)).encode())
        return self._stored(known)

    def _stored(self, known: _Known) -> StoredClip:
        return StoredClip(sha256=known.sha256, seconds=known.seconds, path=self._file(known.sha256))

    def _file(self, sha256: str) -> Path:
        return self.folder / "pcm16" / f"{_sharded(sha256)}.wav"


def _sharded(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _recall(note: Path) -> _Known | None:
    try:
        return _Known(**json.loads(note.read_bytes()))
    except (OSError, ValueError, TypeError):  # none yet, or one that a full disk cut short
        return None


def _write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all, whoever else writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    scratch.write_bytes(data)
    scratch.replace(path)
