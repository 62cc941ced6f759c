"""The spectrum of a clip: its timbre, the notes that stand in it, and what recording may have done to it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from earwitness.audio import SAMPLE_RATE
from services.captioner.frames import decibels, runs
from services.captioner.pitch import Pitch, note_name

_FINE = 4096
"""Samples under a frame of the fine spectrum: 0.26 s, 3.9 Hz per bin, which separates neighbouring notes from C4 up."""
_FINE_HZ = SAMPLE_RATE / _FINE
_FULL_SCALE = 32_766 / 32_768
_MAX_NOTES = 6


class Outline(NamedTuple):
    """The moments of a power spectrum."""

    centroid_hz: float
    rolloff_hz: float
    bandwidth_hz: float
    flatness: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Timbre:
    """The mean spectrum of the frames that are not silent, from 31 Hz to 8 kHz."""

    centroid_hz: float
    rolloff_hz: float
    """Below this lies 85 % of the power."""
    bandwidth_hz: float
    """The standard deviation of frequency, weighted by power."""
    flatness: float
    """Geometric over arithmetic mean of the power: 0 for a pure tone, 1 for a flat spectrum."""
    notes: tuple[str, ...]
    """Fundamentals of the strongest partials of a tonal clip, low to high: one note, or several in turn or together."""
    chord: bool
    """Whether the period measured is no partial: notes sound together, or a fundamental was filtered out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What recording may have done to the sound."""

    clipped_fraction: float
    """Of the samples, those in flat runs of 3 or more at full scale."""
    dc_offset: float
    noise_floor_dbfs: float
    """5th percentile of the frame levels."""
    snr_db: float
    """95th percentile of the louder frames over the noise floor: an estimate only where the sound has pauses."""
    hum_hz: int | None
    """50 or 60, where harmonics of the mains stand out under another sound."""
    top_hz: float
    """Above this nothing comes within 60 dB of the strongest frequency."""


def outline(spectrum: NDArray[np.float64]) -> Outline:
    """Returns the moments of a power spectrum of even steps from 0 to 8 kHz, DC left out."""
    power = spectrum[1:] + 1e-12
    hz = np.arange(1, len(spectrum)) * (SAMPLE_RATE / 2 / (len(spectrum) - 1))
    share = power / power.sum()
    centroid_hz = float(share @ hz)
    return Outline(
        centroid_hz=centroid_hz,
        rolloff_hz=float(hz[min(int(np.searchsorted(np.cumsum(share), 0.85)), len(hz) - 1)]),
        bandwidth_hz=float(np.sqrt(share @ (hz - centroid_hz) ** 2)),
        flatness=float(np.exp(np.log(power).mean()) / power.mean()),
    )


def measure_timbre(spectrum: NDArray[np.float64], fine: NDArray[np.float64], pitch: Pitch) -> Timbre:
    """Returns the timbre of a mean power spectrum; the notes come from the `fine` one, if the pitch is harmonic."""
    notes = _notes(fine) if pitch.harmonicity > 0.6 else ()
    return Timbre(**outline(spectrum)._asdict(), notes=notes, chord=is_chord(spectrum, pitch))


def is_chord(spectrum: NDArray[np.float64], pitch: Pitch) -> bool:
    """Returns whether a periodic sound has nothing within 30 dB of its strongest frequency at its median pitch."""
    if pitch.median_hz is None or pitch.harmonicity < 0.85:
        return False
    i = max(round(pitch.median_hz / (SAMPLE_RATE / 2) * (len(spectrum) - 1)), 1)
    return bool(spectrum[max(i - 1, 1) : i + 2].max() < 1e-3 * spectrum.max())


def measure_faults(samples: NDArray[np.float32], level_db: NDArray[np.float64], fine: NDArray[np.float64]) -> Faults:
    """Returns the faults of samples (mean included) with their frame levels and fine spectrum."""
    floor, loud = np.percentile(level_db, 5), np.percentile(level_db[level_db > level_db.max() - 35], 95)
    clipped = sum(end - start for start, end in runs(np.abs(samples) >= _FULL_SCALE) if end - start >= 3)
    smooth = np.convolve(fine, np.full(9, 1 / 9), mode="same")
    heard = np.flatnonzero(smooth > smooth.max() * 1e-6)
    return Faults(
        clipped_fraction=clipped / len(samples),
        dc_offset=float(samples.mean(dtype=np.float64)),
        noise_floor_dbfs=float(floor),
        snr_db=float(loud - floor),
        hum_hz=_hum(fine) if len(samples) >= SAMPLE_RATE else None,
        top_hz=float(heard[-1] * _FINE_HZ) if len(heard) else 0.0,
    )


def fine_spectrum(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the mean power of half-overlapping Hann frames, 3.9 Hz per bin (P. Welch, IEEE TAU 15(2), 1967)."""
    padded = np.pad(samples, (0, max(_FINE - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FINE)[:: _FINE // 2]
    spectrum = np.asarray(scipy.fft.rfft(frames * np.hanning(_FINE).astype(np.float32), axis=1), np.complex64)
    return np.square(np.abs(spectrum), dtype=np.float64).mean(axis=0)


def _notes(fine: NDArray[np.float64]) -> tuple[str, ...]:
    """Returns the names of the peaks within 20 dB of the strongest that are no overtone of a lower one."""
    level_db = decibels(fine)
    inner = level_db[2:-2]
    peak = (inner > level_db[1:-3]) & (inner >= level_db[3:-1]) & (inner > level_db[:-4]) & (inner > level_db[4:])
    bins = np.flatnonzero(peak & (inner > level_db.max() - 20)) + 2
    found: list[tuple[float, float]] = []
    for i in bins[bins * _FINE_HZ > 50]:
        left, middle, right = level_db[i - 1 : i + 2]
        hz = float(i + 0.5 * (left - right) / min(left - 2 * middle + right, -1e-9)) * _FINE_HZ
        ratios = [hz / lower_hz for lower_hz, lower_db in found if lower_db > middle - 10]
        if all(round(ratio) < 2 or abs(ratio / round(ratio) - 1) > 0.02 for ratio in ratios):
            found.append((hz, float(middle)))
    names = dict.fromkeys(note_name(hz) for hz, _ in found)
    return tuple(names) if len(names) <= _MAX_NOTES else ()


def _hum(fine: NDArray[np.float64]) -> int | None:
    """Returns the mains frequency if two of its first three harmonics stand out by 15 dB, under a louder sound."""
    for mains_hz in (50, 60):
        bins = [round(mains_hz * k / _FINE_HZ) for k in (1, 2, 3)]
        peaks = [float(fine[i - 1 : i + 2].max()) for i in bins]
        around = [float(np.median(np.r_[fine[i - 7 : i - 3], fine[i + 4 : i + 8]])) for i in bins]
        out = [peak > 30 * near + 1e-6 for peak, near in zip(peaks, around, strict=True)]
        if sum(out) >= 2 and 3 * sum(peaks) < 0.1 * fine.sum():
            return mains_hz
    return None
