"""Sounds made of numbers, for tests that need to know what is in a clip. Arrays are float32 mono at 16 kHz."""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from earwitness.audio import SAMPLE_RATE

Samples = NDArray[np.float32]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.3) -> Samples:
    """A sine with 5 ms ramps, so that it starts and ends without a click."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    ramp = np.clip(np.minimum(times, times[::-1]) / 0.005, 0, 1)
    return (amplitude * ramp * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def sweep(start_hz: float, end_hz: float, seconds: float = 2.0, amplitude: float = 0.3) -> Samples:
    """A sine whose pitch moves evenly in octaves per second."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    octaves = np.log2(end_hz / start_hz)
    phase = start_hz * seconds / (octaves * np.log(2)) * (2 ** (octaves * times / seconds) - 1)
    return (amplitude * np.sin(2 * np.pi * phase)).astype(np.float32)


def voice(hz: float, seconds: float = 1.0, amplitude: float = 0.3) -> Samples:
    """A buzz of 20 harmonics, falling by 6 dB per octave, as a vocal cord makes."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    partials = [np.sin(2 * np.pi * k * hz * times) / k for k in range(1, 21) if k * hz < SAMPLE_RATE / 2]
    return (amplitude / 2 * np.sum(partials, axis=0)).astype(np.float32)


def noise(seconds: float = 1.0, amplitude: float = 0.1, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, amplitude, round(seconds * SAMPLE_RATE)).astype(np.float32)


def clicks(times_s: list[float], seconds: float, amplitude: float = 0.8) -> Samples:
    """Bursts of noise that die away in 10 ms."""
    samples = silence(seconds)
    burst = noise(0.03, 1.0) * np.exp(-np.arange(480) / 80).astype(np.float32)
    for time_s in times_s:
        start = round(time_s * SAMPLE_RATE)
        end = min(start + len(burst), len(samples))
        samples[start:end] += amplitude * burst[: end - start]
    return np.clip(samples, -1, 1)


def metronome(bpm: float, seconds: float = 10.0) -> Samples:
    return clicks([float(time_s) for time_s in np.arange(0.2, seconds - 0.05, 60 / bpm)], seconds)


def fade(samples: Samples, start: float = 1.0, end: float = 0.0) -> Samples:
    """The samples with a gain that moves evenly from `start` to `end`."""
    return samples * np.linspace(start, end, len(samples), dtype=np.float32)


def join(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def encode(
    samples: NDArray[np.floating], rate_hz: int = SAMPLE_RATE, format: str = "WAV", subtype: str | None = "PCM_16"
) -> bytes:
    """The bytes of an audio file with `samples` of shape `(frames,)` or `(frames, channels)`."""
    if subtype == "PCM_16":  # libsndfile scales floats by 32767 or 32768, as the container likes
        samples = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=format, subtype=subtype)
    return file.getvalue()
