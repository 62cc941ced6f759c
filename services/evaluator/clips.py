"""Clips on disk: each audio file is decoded once in its life, and kept as 16 kHz mono WAV under its content's hash.

A file that is such a WAV already is not copied: it is read where it stands, as long as nobody changes it. The store
stands in the cache folder (`earwitness.home`), where all can be made again. Which file holds which clip is remembered
by the file's path, size and time of change.
"""

import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from earwitness import audio, wav
from earwitness.errors import InvalidInput, NotFound
from earwitness.home import home

LARGEST_IN_PLACE = 32 << 20
"""Bytes: more than the longest clip that is taken has."""
THREADS = 4
"""Decoding holds Python's lock for a part of the time only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredClip:
    """A clip that was decoded: its hash, its length, and the file that holds it."""

    sha256: str
    seconds: float
    path: Path
    changed_ns: int | None = None
    """When the file was last changed, where it is not the store's own."""

    def read(self) -> bytes:
        """Returns the clip as a WAV file; raises InvalidInput for a source that is no longer what was hashed."""
        if self.changed_ns is not None and not self._stands():
            raise InvalidInput("was changed during the run", str(self.path), "leave it alone, and run again")
        return self.path.read_bytes()

    def _stands(self) -> bool:
        try:
            return self.path.stat().st_mtime_ns == self.changed_ns
        except OSError:
            return False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What is remembered of a source file."""

    sha256: str
    seconds: float
    in_place: bool = False
    """Whether the source is in the store's form, and is not copied."""


@dataclass(kw_only=True, slots=True)
class ClipStore:
    """A folder of clips. Its methods block, and threads may share it."""

    folder: Path = field(default_factory=lambda: home() / "clips")
    decoded: int = 0
    """Files that had to be decoded: the others were known, or in the store's form."""
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
        if known and (known.in_place or self._file(known.sha256).is_file()):
            return self._stored(known, source, status.st_mtime_ns)
        known = _in_place(source, status.st_size) or self._decoded(source)
        _write(note, json.dumps(asdict(known)).encode())
        return self._stored(known, source, status.st_mtime_ns)

    def kept(self, sha256: str) -> Path | None:
        """Returns the store's own file of a clip, None for one that it has not, or that lies where its source is."""
        file = self._file(sha256)
        return file if file.is_file() else None

    def _decoded(self, source: Path) -> _Known:
        clip = audio.read(source)
        with self._lock:
            self.decoded += 1
        file = self._file(clip.sha256)
        if not file.is_file():
            _write(file, wav.encode(clip))
        return _Known(sha256=clip.sha256, seconds=clip.seconds)

    def _stored(self, known: _Known, source: Path, changed_ns: int) -> StoredClip:
        path, changed = (source, changed_ns) if known.in_place else (self._file(known.sha256), None)
        return StoredClip(sha256=known.sha256, seconds=known.seconds, path=path, changed_ns=changed)

    def _file(self, sha256: str) -> Path:
        return self.folder / "pcm16" / f"{_sharded(sha256)}.wav"


def _in_place(source: Path, num_bytes: int) -> _Known | None:
    """Returns what is to be known of a file that is in the store's form, as `audio.read` would have it; else None."""
    if num_bytes > LARGEST_IN_PLACE:
        return None
    try:
        with source.open("rb", buffering=0) as file:
            is_riff = os.pread(file.fileno(), 4, 0) == b"RIFF"
            samples = wav.samples_of(file.read()) if is_riff else None
    except OSError:
        return None  # `audio.read` says what is wrong
    if samples is None or not 2 <= len(samples) <= 2 * audio.SAMPLE_RATE * audio.MAX_SECONDS or len(samples) % 2:
        return None
    seconds = len(samples) / (2 * audio.SAMPLE_RATE)
    return _Known(sha256=hashlib.sha256(samples).hexdigest(), seconds=seconds, in_place=True)


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
