"""Clips: mono sound at 16 kHz that remembers what it was made of.

Every operation returns a new clip with the sources of the clips it came from, so that credit and licence follow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample

SAMPLE_RATE = 16_000
Samples = NDArray[np.float64]

LICENCES = ("CC0-1.0", "Apache-2.0", "CC-BY-SA-3.0")
"""SPDX names of the licences in use, the freest first: a clip is under the last of those that its sources have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where sound comes from: a recording, a voice or a formula."""

    dataset: str
    name: str
    licence: str
    credit: str
    url: str = ""
    recorded: bool = False
    """Whether it is a file that somebody recorded or produced, as opposed to something synthesised by this package."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Samples of shape `(frames,)` and their sources, in the order in which they are first heard."""

    samples: Samples
    sources: tuple[Source, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def licence(self) -> str:
        """The strictest licence among the sources."""
        return max((source.licence for source in self.sources), key=LICENCES.index)


def frames(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def changed(clip: Clip, change: Callable[[Samples], Samples]) -> Clip:
    return replace(clip, samples=change(clip.samples))


def together(*clips: Clip) -> Clip:
    """Returns the clips at once, all from the start."""
    samples = np.zeros(max(len(clip.samples) for clip in clips))
    for clip in clips:
        samples[: len(clip.samples)] += clip.samples
    sources = tuple(dict.fromkeys(source for clip in clips for source in clip.sources))
    return Clip(samples=samples, sources=sources)


def delayed(clip: Clip, seconds: float) -> Clip:
    return changed(clip, lambda samples: np.concatenate([np.zeros(frames(seconds)), samples]))


def placed(clips: list[Clip], starts_s: list[float]) -> Clip:
    """Returns the clips each at its own start, in seconds; they may overlap."""
    return together(*(delayed(clip, start_s) for clip, start_s in zip(clips, starts_s, strict=True)))


def sequence(*clips: Clip, gap_s: float | list[float] = 0.4) -> Clip:
    """Returns the clips one after another with `gap_s` of silence between, one length for all or one for each gap."""
    gaps = gap_s if isinstance(gap_s, list) else [gap_s] * (len(clips) - 1)
    starts, at = [0.0], 0.0
    for clip, gap in zip(clips[:-1], gaps, strict=True):
        at += clip.duration_s + gap
        starts.append(at)
    return placed(list(clips), starts)


def gained(clip: Clip, db: float) -> Clip:
    return changed(clip, lambda samples: samples * 10 ** (db / 20))


def peaked(clip: Clip, peak: float = 0.7) -> Clip:
    """Returns the clip scaled so that its largest absolute sample is `peak` of full scale."""
    return changed(clip, lambda samples: samples * (peak / np.abs(samples).max()))


def cut(clip: Clip, start_s: float, end_s: float, fade_s: float = 0.02) -> Clip:
    """Returns the part between two times with its end faded out over `fade_s`, against clicks."""

    def part(samples: Samples) -> Samples:
        kept = samples[frames(start_s) : frames(end_s)].copy()
        tail = min(frames(fade_s), len(kept))
        kept[len(kept) - tail :] *= np.linspace(1, 0, tail)
        return kept

    return changed(clip, part)


def slowed(clip: Clip, factor: float) -> Clip:
    """Returns the clip as a tape would play it `factor` times slower: longer, and lower by the same factor."""
    return changed(clip, lambda samples: np.asarray(resample(samples, round(len(samples) * factor)), dtype=np.float64))


def backwards(clip: Clip) -> Clip:
    return changed(clip, lambda samples: samples[::-1].copy())


def swelled(clip: Clip, from_db: float, to_db: float) -> Clip:
    """Returns the clip with a gain that moves evenly, in decibels, from its start to its end."""
    return changed(clip, lambda samples: samples * 10 ** (np.linspace(from_db, to_db, len(samples)) / 20))


def in_hall(clip: Clip, decay_s: float = 1.2) -> Clip:
    """Returns the clip as in a hall whose echo falls by 60 dB in `decay_s`.

    The hall is a convolution with exponentially decaying noise (Moorer, 1979, "About This Reverberation Business").
    """
    times = np.arange(frames(decay_s)) / SAMPLE_RATE
    noise = np.random.default_rng(7).standard_normal(len(times))
    response = noise * 10 ** (-3 * times / decay_s)
    response *= 0.5 / np.sqrt(np.sum(response**2))
    response[0] += 1
    return changed(clip, lambda samples: fftconvolve(samples, response))
