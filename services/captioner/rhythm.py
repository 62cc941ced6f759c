"""Rhythm: when sounds start, and how regularly.

Onsets are steps of pitch and peaks of the mean rise of band levels, a spectral flux on a log scale (S. Böck and
G. Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013, compares such functions). An even pulse
gives its tempo by its intervals, any other by the autocorrelation of the rises, weighted towards 120 beats per minute
(D. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from services.captioner.frames import FLOOR_DB, RATE, decibels

_RISE_DB = 2.0
"""How far a mean rise must stand above the median of the second around it; white noise stays under 1.5 dB."""
_RANGE_DB = 50.0
_BAND = 8
"""Bins to a band, 250 Hz: in narrower ones the level of noise moves too much of itself."""
_LEVEL_SHARE = 0.25
"""A pure tone moves few bands, but the level."""
_EVEN = 0.12
_TEMPI_BPM = (40.0, 240.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """When sounds start."""

    onsets_s: tuple[float, ...]
    """To 10 ms. What runs through the clip from its very start is no onset."""
    regularity: float = 0.0
    """1 for a metronome, 0 where intervals between onsets differ by their own length or there are fewer than 3."""
    tempo_bpm: float | None = None
    tempo_confidence: float = 0.0
    """In [0, 1]: the regularity where the pulse is even, else how well the rises repeat after one beat."""
    percussive_fraction: float = 0.0
    """Share of onsets after which the level falls by 10 dB or more within 0.15 s."""


def measure_rhythm(
    spectrogram: NDArray[np.float32], level_db: NDArray[np.float64], pitch_steps: Sequence[int]
) -> Rhythm:
    """Returns the rhythm of a power spectrogram of shape `(frames, bins)` with levels of shape `(frames,)`."""
    rises = _rises(spectrogram, level_db)
    onsets = _peaks(rises, level_db, pitch_steps)
    if not len(onsets):
        return Rhythm(onsets_s=())
    peaks = np.array([level_db[i : i + 5].max() for i in onsets])
    after = np.array([level_db[min(i + 15, len(level_db) - 1)] if i + 4 < len(level_db) else FLOOR_DB for i in onsets])
    regularity = _regularity(onsets)
    tempo_bpm, confidence = _tempo(rises, onsets, regularity)
    return Rhythm(
        onsets_s=tuple(float(i) / RATE for i in onsets),
        regularity=regularity,
        tempo_bpm=tempo_bpm,
        tempo_confidence=confidence,
        percussive_fraction=float(np.mean(peaks - after >= 10)),
    )


def _rises(spectrogram: NDArray[np.float32], level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the mean rise in dB of bands and level over the last two frames; silence comes before the first frame."""
    bands = np.add.reduceat(spectrogram[:, 1:], np.arange(0, spectrogram.shape[1] - 1, _BAND), axis=1)
    floor = max(float(bands.max()) * 10 ** (-_RANGE_DB / 10), 1e-7)
    of_bands = _rise(decibels(np.maximum(bands, floor))).mean(axis=1)
    of_level = _rise(np.maximum(level_db, level_db.max() - _RANGE_DB)[:, None])[:, 0]
    return (1 - _LEVEL_SHARE) * of_bands + _LEVEL_SHARE * of_level


def _rise(values_db: NDArray[np.float64]) -> NDArray[np.float64]:
    before = np.concatenate([np.full((2, values_db.shape[1]), values_db.min()), values_db[:-2]])
    return np.maximum(values_db - before[: len(values_db)], 0)


def _peaks(rises: NDArray[np.float64], level_db: NDArray[np.float64], pitch_steps: Sequence[int]) -> NDArray[np.int64]:
    """Returns the frames of the onsets, at least 60 ms apart."""
    usual = scipy.ndimage.median_filter(rises, size=RATE, mode="constant")
    is_peak = (rises == scipy.ndimage.maximum_filter1d(rises, 11)) & (rises > usual + _RISE_DB)
    found = np.flatnonzero(is_peak & (scipy.ndimage.maximum_filter1d(level_db, 7) > level_db.max() - 30))
    before, after = level_db[np.maximum(found - 5, 0)], level_db[np.minimum(found + 8, len(level_db) - 1)]
    is_cut = (after < before - 6) | (found > len(level_db) - 4)  # where a tone is cut off the spectrum splashes too
    found = found[~is_cut]
    found = np.union1d(found, [step for step in pitch_steps if not (np.abs(found - step) < 10).any()]).astype(np.int64)
    found = found[np.diff(found, prepend=-RATE) > 5]
    return found if _starts_with_onset(level_db, found) else found[found > 3]


def _starts_with_onset(level_db: NDArray[np.float64], onsets: NDArray[np.int64]) -> bool:
    """Returns whether the sound at the very start lets up, or is as loud as the later onsets: one of their kind."""
    start_db = level_db[:5].max()
    later = [level_db[i : i + 5].max() for i in onsets if i > 3]
    return bool(start_db > np.percentile(level_db, 25) + 6 or (later and start_db > np.median(later) - 12))


def _regularity(onsets: NDArray[np.int64]) -> float:
    intervals = np.diff(onsets)
    return float(max(0.0, 1 - intervals.std() / intervals.mean())) if len(intervals) > 1 else 0.0


def _tempo(rises: NDArray[np.float64], onsets: NDArray[np.int64], regularity: float) -> tuple[float | None, float]:
    """Returns beats per minute and the confidence in them; None for fewer than 4 onsets or no repetition."""
    if len(onsets) < 4:
        return None, 0.0
    if regularity > 1 - _EVEN:
        beat = float(np.polyfit(np.arange(len(onsets)), onsets, 1)[0])
        return (60 * RATE / beat, regularity) if 60 * RATE / beat <= 300 else (None, 0.0)
    slow, fast = (round(60 * RATE / bpm) for bpm in _TEMPI_BPM)
    if len(rises) < 2 * slow:
        return None, 0.0
    pulse = scipy.ndimage.gaussian_filter1d(rises - rises.mean(), 2)
    spectrum = np.fft.rfft(pulse, 2 * len(pulse))
    repeats = np.fft.irfft(np.abs(spectrum) ** 2)[: slow + 2]
    repeats = repeats / max(float(repeats[0]), 1e-12) * len(pulse) / (len(pulse) - np.arange(slow + 2))
    lags = np.arange(fast, slow + 1)
    weight = np.exp(-0.5 * np.log2(60 * RATE / lags / 120) ** 2)
    lag = int(lags[np.argmax(repeats[lags] * weight)])
    left, middle, right = repeats[lag - 1 : lag + 2]
    if middle < 0.2 or middle < max(left, right):
        return None, 0.0
    vertex = 0.5 * (left - right) / min(left - 2 * middle + right, -1e-9)
    return 60 * RATE / (lag + float(vertex)), float(min(middle, 1.0))
