"""Music of known key: melodies of one note a beat, and chord progressions.

Notes are in equal temperament with A4 = 440 Hz. The instruments are names for spectra and envelopes, no imitations.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Literal, Self, get_args

import numpy as np

from services.trainer.corpus import waves
from services.trainer.corpus.recipe import Samples, TimedRecipe, pick

Instrument = Literal["flute-like", "plucked", "organ-like", "bell-like"]
Mode = Literal["major", "minor"]
Contour = Literal["rising", "falling", "rising then falling", "falling then rising"]

TONICS = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
SCALES: dict[Mode, tuple[int, ...]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
"""Semitones above the tonic; minor is natural minor."""
PROGRESSIONS: dict[str, tuple[Mode, tuple[int, ...]]] = {
    "I-IV-V-I": ("major", (0, 3, 4, 0)),
    "I-V-vi-IV": ("major", (0, 4, 5, 3)),
    "I-vi-IV-V": ("major", (0, 5, 3, 4)),
    "ii-V-I": ("major", (1, 4, 0)),
    "i-iv-v-i": ("minor", (0, 3, 4, 0)),
    "i-VI-VII-i": ("minor", (0, 5, 6, 0)),
}
"""The scale degrees, from 0, on which the triads of a progression stand."""

_MIDDLE_C = 60
_MAX_SECONDS = 5.5
_BEATS_PER_CHORD = 2
_PARTIALS: dict[Instrument, tuple[float, ...]] = {
    "flute-like": (1.0, 0.12, 0.05),
    "plucked": (1.0, 0.6, 0.45, 0.3, 0.2, 0.15, 0.1),
    "organ-like": (1.0, 0.7, 0.1, 0.5, 0.05, 0.2, 0.05, 0.3),
    "bell-like": (1.0,),
}
_BELL_RATIOS = ((1.0, 1.0), (2.0, 0.6), (2.4, 0.5), (3.0, 0.25), (4.5, 0.2))
"""Frequency over the strike note, and amplitude: prime, nominal and upper partials of a bell in round numbers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Melody(TimedRecipe):
    """A scale up, down or both ways, one note a beat, which touches the tonic and the third of its key."""

    instrument: Instrument
    tonic: str
    mode: Mode
    contour: Contour
    num_notes: int
    beats_per_minute: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        beats_per_minute = pick(rng, (80, 90, 100, 110, 120, 140, 160, 180))
        return cls(
            instrument=pick(rng, get_args(Instrument)),
            tonic=pick(rng, TONICS),
            mode=pick(rng, get_args(Mode)),
            contour=pick(rng, get_args(Contour)),
            num_notes=pick(rng, range(5, min(10, int(_MAX_SECONDS * beats_per_minute / 60)) + 1)),
            beats_per_minute=beats_per_minute,
        )

    @property
    def seconds(self) -> float:
        return self.num_notes * 60 / self.beats_per_minute

    def degrees(self) -> list[int]:
        """Returns the scale degree of every note, 0 being the tonic."""
        steps = range(self.num_notes)
        match self.contour:
            case "rising":
                return list(steps)
            case "falling":
                return list(reversed(steps))
            case "rising then falling":
                return [min(step, self.num_notes - 1 - step) for step in steps]
            case "falling then rising":
                return [abs(step - self.num_notes // 2) for step in steps]

    def attributes(self) -> dict[str, str]:
        return {
            "synthetic melody": "",
            "Instrument": self.instrument,
            "Key": f"{self.tonic} {self.mode}",
            "Contour": self.contour,
            "Notes": str(self.num_notes),
            "Tempo": f"{self.beats_per_minute} bpm",
        }

    def render(self) -> Samples:
        beat_s = 60 / self.beats_per_minute
        pitches = [hertz(self.tonic, self.mode, degree) for degree in self.degrees()]
        notes = [note(self.instrument, pitch, beat_s * 0.9) for pitch in pitches]
        return waves.peaked(waves.placed(((i * beat_s, notes[i]) for i in range(self.num_notes)), self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chords(TimedRecipe):
    """A progression of triads, two beats each, held or broken into their notes."""

    instrument: Instrument
    tonic: str
    progression: str
    style: Literal["held", "broken"]
    beats_per_minute: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            instrument=pick(rng, ("organ-like", "plucked", "flute-like")),
            tonic=pick(rng, TONICS),
            progression=pick(rng, tuple(PROGRESSIONS)),
            style=pick(rng, ("held", "broken")),
            beats_per_minute=pick(rng, (90, 100, 110, 120, 140)),
        )

    @property
    def seconds(self) -> float:
        return len(PROGRESSIONS[self.progression][1]) * _BEATS_PER_CHORD * 60 / self.beats_per_minute

    def attributes(self) -> dict[str, str]:
        return {
            "synthetic chord progression": "",
            "Instrument": self.instrument,
            "Key": f"{self.tonic} {PROGRESSIONS[self.progression][0]}",
            "Progression": self.progression,
            "Chords": self.style,
            "Tempo": f"{self.beats_per_minute} bpm",
        }

    def render(self) -> Samples:
        mode, roots = PROGRESSIONS[self.progression]
        chord_s = _BEATS_PER_CHORD * 60 / self.beats_per_minute
        delay_s = chord_s / 4 if self.style == "broken" else 0.0
        notes = chain.from_iterable(
            (
                (
                    index * chord_s + voice * delay_s,
                    note(self.instrument, hertz(self.tonic, mode, root + 2 * voice), 0.95 * chord_s - voice * delay_s),
                )
                for voice in range(3)
            )
            for index, root in enumerate(roots)
        )
        return waves.peaked(waves.placed(notes, self.seconds))


def hertz(tonic: str, mode: Mode, degree: int) -> float:
    """Returns the frequency of a scale degree, counted from the tonic in the octave above middle C."""
    octave, step = divmod(degree, len(SCALES[mode]))
    midi = _MIDDLE_C + TONICS.index(tonic) + 12 * octave + SCALES[mode][step]
    return 440.0 * 2 ** ((midi - 69) / 12)


def note(instrument: Instrument, pitch_hz: float, seconds: float) -> Samples:
    """Returns one note: plucked and bell-like ones die away, the others are held."""
    if instrument == "bell-like":
        strike = sum(
            (amplitude * waves.tone(ratio * pitch_hz, seconds) for ratio, amplitude in _BELL_RATIOS),
            np.zeros(len(waves.times(seconds))),
        )
        return waves.decayed(strike, 0.35)
    wave = waves.tone(pitch_hz, seconds, _PARTIALS[instrument])
    if instrument == "plucked":
        return waves.decayed(wave, 0.15)
    return waves.softened(wave, attack_s=0.04 if instrument == "flute-like" else 0.01, release_s=0.04)
