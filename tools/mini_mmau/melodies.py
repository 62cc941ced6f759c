"""Pure synthesis: notes of known pitch, length and timbre, and the tunes made of them."""

from typing import Literal

import numpy as np

from tools.mini_mmau.clips import SAMPLE_RATE, Clip, Samples, Source, frames, peaked, sequence, together

Timbre = Literal["organ", "pluck", "flute"]

PARTIALS: dict[Timbre, tuple[float, ...]] = {
    "organ": (1.0, 0.5, 0.35, 0.2, 0.15),
    "pluck": (1.0, 0.6, 0.4, 0.3, 0.2, 0.1),
    "flute": (1.0, 0.12, 0.04),
}
"""Amplitudes of the harmonics, from the fundamental up."""


def hertz(midi: float) -> float:
    """Returns the frequency of a MIDI note in equal temperament, A4 (69) = 440 Hz."""
    return 440.0 * 2 ** ((midi - 69) / 12)


def _shape(seconds: float, timbre: Timbre) -> Samples:
    """Returns the envelope: a pluck decays from its attack, the others are held and let go."""
    times = np.arange(frames(seconds)) / SAMPLE_RATE
    attack = np.clip(times / 0.01, 0, 1)
    release = np.clip((seconds - times) / 0.03, 0, 1)
    return attack * release * (np.exp(-3.5 * times / max(seconds, 0.4)) if timbre == "pluck" else 1.0)


def note(midi: float, seconds: float = 0.5, timbre: Timbre = "pluck", vibrato_cents: float = 0.0) -> Clip:
    """Returns one note; `vibrato_cents` is how far its pitch swings either way, 5.5 times a second."""
    times = np.arange(frames(seconds)) / SAMPLE_RATE
    cents = vibrato_cents * np.sin(2 * np.pi * 5.5 * times)
    phase = 2 * np.pi * np.cumsum(hertz(midi) * 2 ** (cents / 1200)) / SAMPLE_RATE
    wave = sum(amplitude * np.sin(k * phase) for k, amplitude in enumerate(PARTIALS[timbre], start=1))
    source = Source(
        dataset="synthesis",
        name=f"additive synthesis, timbre {timbre}",
        licence="Apache-2.0",
        credit="synthesised for Earwitness",
    )
    return peaked(Clip(samples=np.asarray(wave) * _shape(seconds, timbre), sources=(source,)))


def chord(*midi: float, seconds: float = 1.0, timbre: Timbre = "organ") -> Clip:
    """Returns the notes at once, equally loud."""
    return peaked(together(*(note(m, seconds, timbre) for m in midi)))


def melody(*midi: float, beat_s: float = 0.5, timbre: Timbre = "pluck", detached: float = 0.12) -> Clip:
    """Returns the notes in turn, one to a beat of `beat_s`, the last `detached` share of each beat silent."""
    held = beat_s * (1 - detached)
    return sequence(*(note(m, held, timbre) for m in midi), gap_s=beat_s * detached)
