"""Pitch: the fundamental frequency of a sound over time, by YIN, and the names of notes.

A. de Cheveigné and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111(4), 2002; steps
and equations below are numbered as there. Above YIN's range, a lone high partial is its own pitch.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from earwitness.audio import SAMPLE_RATE
from services.captioner.frames import SPECTRUM, runs, windows

_WINDOW, _MAX_LAG, _MIN_LAG = 704, 320, 8  # 44 ms, 50 Hz, 2 kHz; the first two add up to an FFT of 1024
_THRESHOLD = 0.15
"""Step 4's absolute threshold: the paper uses 0.1; 0.15 keeps creaky and noisy voices."""
_VOICED = 0.3
_BLOCK = 128  # frames at a time: their spectra stay in a core's cache
_HIGH_HZ = 1_500.0
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

Contour = Literal["steady", "rising", "falling", "varying"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """The pitch of each frame; arrays are of shape `(frames,)`."""

    hz: NDArray[np.float64]
    """NaN where the frame is unvoiced."""
    aperiodicity: NDArray[np.float64]
    """YIN's d' at the chosen period: 0 for a perfect period, about 1 for noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pitch:
    """The pitch of a stretch of sound in figures; frequencies are None where no frame is voiced."""

    voiced_fraction: float
    """Of the frames that are not silent."""
    harmonicity: float
    """1 minus the median aperiodicity of the frames that are not silent, within [0, 1]."""
    median_hz: float | None = None
    low_hz: float | None = None
    """10th percentile."""
    high_hz: float | None = None
    """90th percentile."""
    contour: Contour = "steady"
    glide_semitones: float = 0.0
    """Change from start to end of the line that fits the pitch best; 0 unless the contour rises or falls."""
    ending_semitones: float = 0.0
    """The same for the last half second of voiced frames: how a phrase ends."""


def note_name(hz: float) -> str:
    """Returns the nearest note of equal temperament at A4 = 440 Hz, such as "A4"."""
    midi = midi_number(hz)
    return f"{_NAMES[midi % 12]}{midi // 12 - 1}"


def midi_number(hz: float) -> int:
    """Returns the nearest MIDI note number: 69 for 440 Hz."""
    return round(69 + 12 * float(np.log2(hz / 440)))


def track(samples: NDArray[np.float32], spectrogram: NDArray[np.float32], active: NDArray[np.bool_]) -> Track:
    """Returns the pitch of the frames that are `active`, given the samples' power spectrogram; others are unvoiced."""
    hz, aperiodicity = np.full(len(active), np.nan), np.ones(len(active))
    frames = windows(samples, _WINDOW + _MAX_LAG)
    chosen = np.flatnonzero(active)
    for start in range(0, len(chosen), _BLOCK):
        part = chosen[start : start + _BLOCK]
        lags, quality = _periods(frames[part])
        high_hz, purity = _high_partial(spectrogram[part])
        high = purity > 1 - _VOICED
        frequency = np.where(high, high_hz, SAMPLE_RATE / lags)
        aperiodicity[part] = np.where(high, 1 - purity, quality)
        hz[part] = np.where(aperiodicity[part] < _VOICED, frequency, np.nan)
    return Track(hz=hz, aperiodicity=aperiodicity)


def summarise(heard: Track, active: NDArray[np.bool_]) -> Pitch:
    """Returns the figures of the frames that are `active`."""
    if not active.any():
        return Pitch(voiced_fraction=0.0, harmonicity=0.0)
    harmonicity = float(np.clip(1 - np.median(heard.aperiodicity[active]), 0, 1))
    times = np.flatnonzero(active & ~np.isnan(heard.hz))
    if not len(times):
        return Pitch(voiced_fraction=0.0, harmonicity=harmonicity)
    hz = heard.hz[times]
    low, median, high = (float(value) for value in np.percentile(hz, (10, 50, 90)))
    semitones = 12 * np.log2(hz / median)
    glide, straight = _line(times, semitones)
    contour: Contour = "varying"
    if straight > 0.8 and abs(glide) > 1.5:
        contour = "rising" if glide > 0 else "falling"
    elif np.ptp(np.percentile(semitones, (10, 90))) < 1:
        contour = "steady"
    late = times > times[-1] - 50
    return Pitch(
        voiced_fraction=len(times) / int(active.sum()),
        harmonicity=harmonicity,
        median_hz=median,
        low_hz=low,
        high_hz=high,
        contour=contour,
        glide_semitones=glide if contour in ("rising", "falling") else 0.0,
        ending_semitones=_line(times[late], semitones[late])[0],
    )


def steps(heard: Track) -> list[int]:
    """Returns the frames at which one held pitch gives way to another at least 0.8 semitones away, as in a melody."""
    held = 7  # frames; a note is compared with the next one this long before and after their transition
    if len(heard.hz) < 4 * held:
        return []
    semitones = 12 * np.log2(np.where(np.isnan(heard.hz), 1.0, heard.hz) / 440)
    semitones[np.isnan(heard.hz)] = np.nan
    around = np.lib.stride_tricks.sliding_window_view(semitones, held)
    centre, steady = around.mean(axis=1), np.ptp(around, axis=1) < 0.5  # NaN compares false
    apart = np.abs(centre[2 * held :] - centre[: -2 * held])
    apart[~(steady[2 * held :] & steady[: -2 * held]) | ~(apart > 0.8)] = 0
    found: list[int] = []
    for start, end in runs(apart > 0):
        found.append((start + end) // 2 + held + held // 2)
    return found


def _periods(frames: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the period in samples and YIN's d' of frames of shape `(frames, 1024)`, by equations 6-8."""
    head = frames.copy()
    head[:, _WINDOW:] = 0
    spectrum, of_head = (np.asarray(scipy.fft.rfft(part, axis=1), np.complex64) for part in (frames, head))
    products = np.asarray(scipy.fft.irfft(np.conj(of_head) * spectrum, axis=1), np.float32)[:, : _MAX_LAG + 1]
    energy = np.cumsum(np.square(frames, dtype=np.float64), axis=1)
    energy = np.concatenate([np.zeros((len(frames), 1)), energy], axis=1)
    moving = energy[:, _WINDOW : _WINDOW + _MAX_LAG + 1] - energy[:, : _MAX_LAG + 1]
    difference = np.maximum(moving[:, :1] + moving - 2 * products, 0) + 1e-9
    lags = np.arange(1, _MAX_LAG + 1)
    normal = difference[:, 1:] * lags / np.cumsum(difference[:, 1:], axis=1)  # column i is lag i + 1
    normal[:, : _MIN_LAG - 1] = np.inf
    dips = np.zeros(normal.shape, bool)
    dips[:, _MIN_LAG:-1] = (normal[:, _MIN_LAG:-1] <= normal[:, _MIN_LAG - 1 : -2]) & (
        normal[:, _MIN_LAG:-1] < normal[:, _MIN_LAG + 1 :]
    )
    normal[~dips] = np.inf
    # In noise no dip passes, and the deepest may be at any multiple of the period: the first about as deep counts.
    limit = np.maximum(_THRESHOLD, normal.min(axis=1) + 0.05)
    best = np.argmax(normal < limit[:, None], axis=1)
    best = np.clip(best, _MIN_LAG, _MAX_LAG - 2)
    rows = np.arange(len(frames))
    around = (difference[rows, best + i] for i in (0, 1, 2))  # not d', whose slope shifts short periods
    return best + 1 + _vertex(*around), np.minimum(normal[rows, best], 1.0)


def _high_partial(spectrogram: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the strongest frequency per frame and its share of the power, 0 where it lies in YIN's range."""
    peak = np.clip(spectrogram.argmax(axis=1), 2, spectrogram.shape[1] - 3)
    rows = np.arange(len(peak))
    logs = [np.log(spectrogram[rows, peak + i] + 1e-20) for i in (-1, 0, 1)]
    hz = (peak + _vertex(*logs)) * SAMPLE_RATE / SPECTRUM
    lobe = sum(spectrogram[rows, peak + i] for i in (-2, -1, 0, 1, 2))
    share = lobe / (spectrogram.sum(axis=1) + 1e-20)
    return hz, np.where(hz > _HIGH_HZ, share, 0.0)


def _vertex(
    left: NDArray[np.floating], middle: NDArray[np.floating], right: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Returns where the parabola through three neighbours has its extremum, in [-0.5, 0.5] about the middle."""
    bend = np.asarray(left - 2 * middle + right, np.float64)
    flat = np.abs(bend) < 1e-12
    return np.where(flat, 0.0, np.clip((left - right) / (2 * np.where(flat, 1.0, bend)), -0.5, 0.5))


def _line(times: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the change along the line of least squares from first to last time, and |correlation|."""
    if len(times) < 5 or np.ptp(values) < 1e-6:
        return 0.0, 0.0
    centred, offset = times - times.mean(), values - values.mean()
    slope = float(centred @ offset / (centred @ centred))
    correlation = float(centred @ offset / np.sqrt((centred @ centred) * (offset @ offset)))
    return slope * float(times[-1] - times[0]), abs(correlation)
