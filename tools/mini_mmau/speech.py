"""Synthetic voices: espeak-ng and flite, run as programs, with the words, sex, speed and pitch known."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr

from tools.mini_mmau.clips import SAMPLE_RATE, Clip, Source, peaked

FLITE_SEX = {"slt": "female", "rms": "male", "awb": "male", "kal16": "male"}
"""The sex of flite's built-in voices, from its README."""


def _spoken(command: list[str], source: Source) -> Clip:
    """Runs a synthesiser that writes to the file named last and returns its speech without silence at either end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([*command, str(path)], check=True, capture_output=True)
        samples, rate = soundfile.read(path)
    samples = soxr.resample(samples, rate, SAMPLE_RATE)
    heard = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return peaked(Clip(samples=samples[heard[0] : heard[-1] + 1], sources=(source,)))


def espeak(text: str, variant: str, wpm: int = 150, pitch: int = 50) -> Clip:
    """Returns `text` in espeak-ng's formant voice `en-us` with a variant (f1-f5 female, m1-m7 male, whisper)."""
    source = Source(
        dataset="espeak-ng",
        name=f"espeak-ng voice en-us+{variant}, {wpm} wpm, pitch {pitch}",
        licence="Apache-2.0",
        credit="synthesised for Earwitness with espeak-ng",
        url="https://github.com/espeak-ng/espeak-ng",
    )
    return _spoken(["espeak-ng", "-v", f"en-us+{variant}", "-s", str(wpm), "-p", str(pitch), text, "-w"], source)


def flite(text: str, voice: str, stretch: float = 1.0) -> Clip:
    """Returns `text` in one of flite's built-in voices, with durations multiplied by `stretch`."""
    source = Source(
        dataset="flite",
        name=f"flite voice {voice} ({FLITE_SEX[voice]}), duration stretch {stretch:g}",
        licence="Apache-2.0",
        credit="synthesised for Earwitness with CMU Flite",
        url="https://github.com/festvox/flite",
    )
    return _spoken(["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", text, "-o"], source)
