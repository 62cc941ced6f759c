"""What the encoder hears, computed once where it fits: in memory first, then on disk, each within a budget.

What is kept once is kept for good, since every epoch comes by every clip once: throwing out the oldest would lose each
clip just before it is needed. Beyond both budgets clips are encoded anew. Heavy: imports torch.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from earwitness import audio
from earwitness.desta import disk
from earwitness.desta.encoder import AudioEncoder

GPU_CLIPS_AT_ONCE = 8
"""Clips of one call of the encoder on a GPU, always as many: a call of another size has other last bits, and a run that
goes on from a checkpoint meets its clips in other company. On a CPU clips go alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One clip."""

    taps: Tensor
    """The tapped layers, of shape `(taps, positions, width)`."""
    samples: int
    """Of the clip, without the silence that pads it."""


class DiskCache:
    """Encoder outputs as files below a folder. Several processes may share it; a file is there whole or not at all."""

    def __init__(self, folder: Path, budget_gib: float, of: str) -> None:
        """`of` stands for encoder, layers and dtype: other values never meet."""
        self._folder = folder
        self._of = of
        folder.mkdir(parents=True, exist_ok=True)
        self._room = int(budget_gib * 2**30) - sum(path.stat().st_size for path in folder.glob("*.safetensors"))

    def get(self, clip: Path) -> Heard | None:
        """Returns a clip that was put there."""
        path = self._path(clip)
        if not path.is_file():
            return None
        tensors = load_file(path)
        return Heard(taps=tensors["taps"], samples=int(tensors["samples"]))

    def put(self, clip: Path, heard: Heard) -> None:
        """Keeps a clip where there is room."""
        size = heard.taps.nbytes
        if size > self._room:
            return
        path = self._path(clip)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        disk.write({"taps": heard.taps, "samples": torch.tensor(heard.samples)}, partial)
        partial.replace(path)
        self._room -= size

    def _path(self, clip: Path) -> Path:
        about = clip.stat()
        name = f"{self._of} {clip.resolve()} {about.st_size} {about.st_mtime_ns}"
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.safetensors"


class Ears:
    """The encoder's outputs by clip."""

    def __init__(
        self, encoder: AudioEncoder, budget_gib: float, *, disk: DiskCache | None = None, loader_threads: int = 0
    ) -> None:
        """Hears on the encoder's device and keeps up to `budget_gib` in the CPU's memory."""
        self._encoder = encoder
        self.sample_rate: int = encoder.extractor.sampling_rate
        """Of what is heard, in Hz."""
        self._longest_s = encoder.extractor.n_samples / self.sample_rate
        self._room = int(budget_gib * 2**30)
        self._kept: dict[Path, Heard] = {}
        self._disk = disk
        self._loaders = ThreadPoolExecutor(loader_threads, "clips") if loader_threads else None
        self._expected: dict[Path, Future[tuple[Tensor, int]]] = {}
        self.encoded = 0
        """Clips that the encoder was given so far."""
        self.samples = 0
        """Of the clips that were heard so far, kept ones too, without the silence that pads them. A whole number: the
        difference of two sums of seconds has other last bits in a run that goes on from a checkpoint."""

    def expect(self, clips: Sequence[Path]) -> None:
        """Begins to read and decode clips that will be heard next."""
        if self._loaders is None:
            return
        for clip in clips:
            if clip not in self._kept and clip not in self._expected:
                self._expected[clip] = self._loaders.submit(self._features, clip)

    def hear(self, clips: Sequence[Path]) -> Tensor:
        """Returns the tapped layers of clips, of shape `(clips, taps, positions, width)`; empty without clips.

        Raises NotFound, UnreadableAudio or InvalidInput with the path of a clip that is missing, damaged or too long.
        """
        if not clips:
            return torch.empty(0)
        heard = {clip: found for clip in dict.fromkeys(clips) if (found := self._recall(clip))}
        new = [clip for clip in dict.fromkeys(clips) if clip not in heard]
        at_once = GPU_CLIPS_AT_ONCE if self._device.type == "cuda" else 1
        for start in range(0, len(new), at_once):
            heard |= self._encode(new[start : start + at_once], at_once)
        self.samples += sum(heard[clip].samples for clip in clips)
        return torch.stack([heard[clip].taps.to(self._device, non_blocking=True) for clip in clips])

    def close(self) -> None:
        """Ends the loaders."""
        if self._loaders is not None:
            self._loaders.shutdown(wait=False, cancel_futures=True)

    @property
    def _device(self) -> torch.device:
        return next(self._encoder.parameters()).device

    def _recall(self, clip: Path) -> Heard | None:
        if (kept := self._kept.get(clip)) is not None:
            return kept
        # A clip that is not there is told of by the reader, in its own words.
        if self._disk is not None and clip.is_file() and (found := self._disk.get(clip)) is not None:
            self._expected.pop(clip, None)
            return found
        return None

    def _encode(self, clips: Sequence[Path], at_once: int) -> dict[Path, Heard]:
        loaded = [self._load(clip) for clip in clips]
        features = torch.cat([each for each, _ in loaded])
        padding = features.new_zeros(at_once - len(clips), *features.shape[1:])
        taps = self._encoder(torch.cat([features, padding]))
        self.encoded += len(clips)
        heard: dict[Path, Heard] = {}
        for at, (clip, (_, samples)) in enumerate(zip(clips, loaded, strict=True)):
            heard[clip] = Heard(taps=taps[at], samples=samples)
            self._keep(clip, heard[clip])
        return heard

    def _keep(self, clip: Path, heard: Heard) -> None:
        size = heard.taps.nbytes
        if size > self._room and self._disk is None:
            return
        # A clone: a view would keep the whole call's output alive.
        kept = Heard(taps=heard.taps.detach().to("cpu", copy=True).contiguous(), samples=heard.samples)
        if size <= self._room:
            self._kept[clip] = kept
            self._room -= size
        elif self._disk is not None:
            self._disk.put(clip, kept)

    def _load(self, clip: Path) -> tuple[Tensor, int]:
        expected = self._expected.pop(clip, None)
        return expected.result() if expected else self._features(clip)

    def _features(self, clip: Path) -> tuple[Tensor, int]:
        samples = audio.read(clip, max_seconds=self._longest_s).samples
        return self._encoder.features([samples]), len(samples)
