"""Waves: the oscillators, noises, envelopes and levels that recipes are rendered with.

Plain additive synthesis and filtered noise on numpy. It knows nothing of what the sounds are meant for.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import SAMPLE_RATE
from services.trainer.corpus.recipe import Samples, Volume

PEAK = 0.6
"""Of sounds whose volume is not stated."""
RMS_OF_VOLUME: dict[Volume, float] = {"Low": 0.015, "Normal": 0.033, "High": 0.07}
"""Root mean square over the sound: 36, 30 and 23 dB below full scale. No recipe peaks more than 23 dB above that."""


def times(seconds: float) -> Samples:
    """Returns the time of every sample, in seconds."""
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def tone(hertz: float | NDArray[np.float64], seconds: float, partials: Sequence[float] = (1.0,)) -> Samples:
    """Returns the sum of harmonics of `hertz`, a number or its course over the samples, that lie under 7.5 kHz."""
    course = np.broadcast_to(np.asarray(hertz, np.float64), times(seconds).shape)
    phase = 2 * np.pi * np.cumsum(course) / SAMPLE_RATE
    harmonics = [
        (order, amplitude)
        for order, amplitude in enumerate(partials, start=1)
        if course.size and order * course.max() < 7_500
    ]
    return sum((amplitude * np.sin(order * phase) for order, amplitude in harmonics), np.zeros_like(phase))


def noise(
    rng: np.random.Generator, seconds: float, slope: float = 0.0, band_hz: tuple[float, float] = (20, 8_000)
) -> Samples:
    """Returns Gaussian noise with power falling as `1 / frequency ** slope` inside a band and none outside.

    Slopes of 0, 1, 2 and -1 are white, pink, brown and blue noise.
    """
    spectrum = np.fft.rfft(rng.standard_normal(len(times(seconds))))
    hertz = np.fft.rfftfreq(len(times(seconds)), 1 / SAMPLE_RATE)
    inside = (band_hz[0] <= hertz) & (hertz <= band_hz[1])
    shape = np.where(inside, np.maximum(hertz, 1.0) ** (-slope / 2), 0.0)
    return np.fft.irfft(spectrum * shape, len(times(seconds)))


def softened(samples: Samples, attack_s: float = 0.005, release_s: float = 0.01) -> Samples:
    """Returns the samples with straight ramps at both ends, so that they start and stop without a click."""
    at = np.arange(len(samples)) / SAMPLE_RATE
    left = (len(samples) - 1) / SAMPLE_RATE - at
    return samples * np.clip(at / attack_s, 0, 1) * np.clip(left / release_s, 0, 1)


def decayed(samples: Samples, time_constant_s: float) -> Samples:
    """Returns the samples under an exponential decay, after a ramp of 1 ms."""
    return softened(samples * np.exp(-np.arange(len(samples)) / SAMPLE_RATE / time_constant_s), 0.001)


def placed(parts: Iterable[tuple[float, Samples]], seconds: float) -> Samples:
    """Returns the sum of `(start_s, samples)` parts over `seconds`; what runs past the end is cut."""
    whole = np.zeros(len(times(seconds)))
    for start_s, samples in parts:
        start = round(start_s * SAMPLE_RATE)
        kept = samples[: len(whole) - start]
        whole[start : start + len(kept)] += kept
    return whole


def peaked(samples: Samples, peak: float = PEAK) -> Samples:
    """Returns the samples scaled to a largest magnitude of `peak`."""
    return samples * (peak / np.abs(samples).max())


def levelled(samples: Samples, volume: Volume) -> Samples:
    """Returns the samples scaled to the root mean square of `volume`."""
    return samples * (RMS_OF_VOLUME[volume] / np.sqrt(np.mean(samples**2)))
