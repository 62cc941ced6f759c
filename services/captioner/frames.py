"""Frames: the 10 ms grid on which loudness, pitch and rhythm are measured, so that their figures line up."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

HOP = 160
"""Samples between frames: 10 ms."""
RATE = 100
"""Frames per second."""
SPECTRUM = 512
"""Samples under a frame of the power spectrogram: 32 ms, 31 Hz per bin."""
FLOOR_DB = -100.0
"""The level of digital silence, a little under the 16-bit rounding noise of -98 dBFS."""

_LEVEL = 320  # samples, 20 ms


def windows(samples: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Returns a view of shape `(frames, size)`: a frame every HOP samples, centred on its time, padded with silence."""
    padded = np.pad(samples, (size // 2, size))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[: len(samples) : HOP]


def power_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the power under a Hann window, of shape `(frames, SPECTRUM // 2 + 1)`."""
    tapered = windows(samples, SPECTRUM) * np.hanning(SPECTRUM).astype(np.float32)
    spectrum = np.asarray(scipy.fft.rfft(tapered, axis=1), np.complex64)
    return spectrum.real**2 + spectrum.imag**2


def levels(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the RMS level in dBFS of the 20 ms about each frame (a full-scale square has 0), of shape `(frames,)`."""
    total = np.cumsum(np.square(samples, dtype=np.float64))
    total = np.concatenate([[0.0], total])
    centres = np.arange(0, len(samples), HOP)
    start, end = np.maximum(centres - _LEVEL // 2, 0), np.minimum(centres + _LEVEL // 2, len(samples))
    return decibels((total[end] - total[start]) / (end - start))


def decibels(power: NDArray[np.floating] | np.floating) -> NDArray[np.float64]:
    """Returns power in dB, never under FLOOR_DB."""
    return 10 * np.log10(np.maximum(np.asarray(power, np.float64), 10 ** (FLOOR_DB / 10)))


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Returns start and end (exclusive) of each stretch of True."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
