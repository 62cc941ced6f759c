"""The clips that items are about: where they lie, and their pictures, made once and kept by the clip's hash."""

import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earwitness import audio
from earwitness.errors import EarwitnessError, NotFound
from earwitness.home import home
from services.evaluator import benchmarks
from services.evaluator.clips import ClipStore
from services.evaluator.result import RunResult

SHA256 = re.compile(r"[0-9a-f]{64}")
PICTURES = "1"
"""The version of how pictures are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A clip, drawn."""

    seconds: float
    waveform: str
    """The `d` of an SVG path: see `picture.waveform`."""
    spectrogram: Path
    """A PNG."""


@dataclass(kw_only=True, slots=True)
class Sounds:
    """The clips of benchmarks that are at hand. Its methods block, and threads may share it."""

    clips: ClipStore
    data: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Where benchmarks lie that do not come with Earwitness, by name."""
    _sources: dict[str, dict[str, Path]] = field(default_factory=dict[str, dict[str, Path]])
    """By the benchmark file's hash: where each item's clip was found."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, result: RunResult, item: str, sha256: str) -> Path:
        """Returns the WAV file of the clip that an item was asked about; raises NotFound where it is not at hand."""
        if not SHA256.fullmatch(sha256):
            raise NotFound("the item has no clip", "clip")
        if kept := self.clips.kept(sha256):
            return kept
        source = self._sources_of(result).get(item)
        if source is not None and source.is_file():
            clip = self.clips.find(source)
            if clip.sha256 == sha256:
                return clip.path
        remedy = f"tell where the benchmark lies: --data {result.benchmark}=PATH"
        raise NotFound("the clip is not on this machine, or another by now", "clip", remedy)

    def picture(self, path: Path, sha256: str) -> Picture:
        """Returns a clip's pictures; raises what `audio.read` raises."""
        from services.evaluator.web import picture

        folder = home() / "web" / "pictures" / PICTURES / sha256[:2]
        drawn, seconds = folder / f"{sha256}.png", folder / f"{sha256}.path"
        try:
            length, outline = seconds.read_text().split("\n", 1)
            if drawn.is_file():
                return Picture(seconds=float(length), waveform=outline, spectrogram=drawn)
        except (OSError, ValueError):
            pass  # not drawn yet, or cut short
        clip = audio.read(path)
        outline = picture.waveform(clip)
        _write(drawn, picture.spectrogram(clip))
        _write(seconds, f"{clip.seconds!r}\n{outline}".encode())
        return Picture(seconds=clip.seconds, waveform=outline, spectrogram=drawn)

    def _sources_of(self, result: RunResult) -> dict[str, Path]:
        with self._lock:
            if result.benchmark_sha256 not in self._sources:
                self._sources[result.benchmark_sha256] = self._read(result)
            return self._sources[result.benchmark_sha256]

    def _read(self, result: RunResult) -> dict[str, Path]:
        try:
            benchmark = benchmarks.load(result.benchmark, self.data.get(result.benchmark))
        except EarwitnessError:
            return {}
        if benchmark.sha256 != result.benchmark_sha256:
            return {}
        return {item.id: item.audio for item in benchmark.items if item.audio}


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    scratch.write_bytes(data)
    scratch.replace(path)
