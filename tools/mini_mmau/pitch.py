"""The fundamental frequency of a clip, by autocorrelation."""

import numpy as np

from tools.mini_mmau.clips import SAMPLE_RATE, Samples

WINDOW = 1024
HOP = 160


def semitones(hertz: Samples | float) -> Samples:
    """Returns frequencies as MIDI note numbers, A4 = 440 Hz = 69."""
    return 69 + 12 * np.log2(np.asarray(hertz) / 440)


def pitch_track(samples: Samples, low_hz: float, high_hz: float, clarity: float = 0.7) -> Samples:
    """Returns the fundamental in hertz of each 10 ms: 0 where there is no period, -1 at 35 dB under the loudest.

    The period is the shortest lag whose normalised autocorrelation (over a Hann window, divided by the window's own,
    after Boersma, 1993) is a peak of at least `clarity` and within a tenth of the highest, refined by a parabola.
    """
    window = np.hanning(WINDOW).astype(np.float64)
    own = _autocorrelation(window[np.newaxis])[0]
    padded = np.concatenate([samples, np.zeros(max(0, WINDOW - len(samples)))])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    energy = np.mean(frames**2, axis=1)
    correlations = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window) / own
    lowest, highest = int(SAMPLE_RATE / high_hz), min(int(SAMPLE_RATE / low_hz), WINDOW // 2)
    track = np.array([_frequency(row, lowest, highest, clarity) for row in correlations])
    track[energy < energy.max() * 10**-3.5] = -1
    return track


def _autocorrelation(rows: Samples) -> Samples:
    spectrum = np.fft.rfft(rows, 2 * WINDOW, axis=1)
    raw = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : WINDOW // 2 + 2]
    return raw / np.maximum(raw[:, :1], 1e-12)


def _frequency(row: Samples, lowest: int, highest: int, clarity: float) -> float:
    part = row[lowest:highest]
    peaks = np.flatnonzero((part >= row[lowest - 1 : highest - 1]) & (part >= row[lowest + 1 : highest + 1])) + lowest
    if not len(peaks) or row[peaks].max() < clarity:
        return 0.0
    lag = int(peaks[row[peaks] >= 0.9 * row[peaks].max()][0])
    before, at, after = row[lag - 1 : lag + 2]
    bend = before - 2 * at + after
    return float(SAMPLE_RATE / (lag + (0.5 * (before - after) / bend if bend else 0.0)))
