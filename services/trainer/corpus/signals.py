"""Signals: beeps, two-tone alarms, sirens, chirps and a tone that fades, all of known number, pitch and direction."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from services.trainer.corpus import waves
from services.trainer.corpus.recipe import Samples, TimedRecipe, pick

Change = Literal["steady", "fading in", "fading out"]
_SECONDS = tuple(step / 2 for step in range(3, 12))


@dataclass(frozen=True, kw_only=True, slots=True)
class Beeps(TimedRecipe):
    """Equal beeps, each half as long as the time from one to the next."""

    num_beeps: int
    pitch_hz: int
    spacing_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        spacing_s = pick(rng, (0.2, 0.25, 0.3, 0.4, 0.5, 0.6))
        num_beeps = pick(rng, range(int(np.ceil(1 / spacing_s)), 10))
        return cls(num_beeps=num_beeps, pitch_hz=pick(rng, (440, 660, 880, 1_000, 1_400, 2_000)), spacing_s=spacing_s)

    @property
    def seconds(self) -> float:
        return self.num_beeps * self.spacing_s

    def attributes(self) -> dict[str, str]:
        return {
            "beeps": "",
            "Count": str(self.num_beeps),
            "Frequency": f"{self.pitch_hz} Hz",
            "Spacing": f"{self.spacing_s:g} s",
        }

    def render(self) -> Samples:
        beep = waves.softened(waves.tone(self.pitch_hz, self.spacing_s / 2))
        starts = (index * self.spacing_s for index in range(self.num_beeps))
        return waves.peaked(waves.placed(((start_s, beep) for start_s in starts), self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm(TimedRecipe):
    """Two tones in turn without a pause, a high one and a low one of half a second or less."""

    num_rounds: int
    high_hz: int
    low_hz: int
    tone_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        tone_s = pick(rng, (0.2, 0.3, 0.4, 0.5))
        return cls(
            num_rounds=pick(rng, range(3, int(5.5 / (2 * tone_s)) + 1)),
            high_hz=pick(rng, (800, 900, 1_000, 1_200)),
            low_hz=pick(rng, (500, 600, 700)),
            tone_s=tone_s,
        )

    @property
    def seconds(self) -> float:
        return self.num_rounds * 2 * self.tone_s

    def attributes(self) -> dict[str, str]:
        return {
            "two-tone alarm": "",
            "Rounds": str(self.num_rounds),
            "High tone": f"{self.high_hz} Hz",
            "Low tone": f"{self.low_hz} Hz",
            "Each tone": f"{self.tone_s:g} s",
        }

    def render(self) -> Samples:
        pair = [waves.softened(waves.tone(hz, self.tone_s, (1, 0.3, 0.1))) for hz in (self.high_hz, self.low_hz)]
        tones = ((index * self.tone_s, pair[index % 2]) for index in range(2 * self.num_rounds))
        return waves.peaked(waves.placed(tones, self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class Siren(TimedRecipe):
    """A pitch that wails up and down between two frequencies."""

    num_wails: int
    wail_s: float
    low_hz: int
    high_hz: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        wail_s = pick(rng, (0.8, 1.0, 1.5, 2.0, 2.5))
        return cls(
            num_wails=pick(rng, range(2, int(5.5 / wail_s) + 1)),
            wail_s=wail_s,
            low_hz=pick(rng, (400, 500, 600)),
            high_hz=pick(rng, (1_000, 1_200, 1_400)),
        )

    @property
    def seconds(self) -> float:
        return self.num_wails * self.wail_s

    def attributes(self) -> dict[str, str]:
        return {
            "synthetic siren": "",
            "Wails up and down": str(self.num_wails),
            "Lowest": f"{self.low_hz} Hz",
            "Highest": f"{self.high_hz} Hz",
        }

    def render(self) -> Samples:
        swing = (1 - np.cos(2 * np.pi * waves.times(self.seconds) / self.wail_s)) / 2
        course = self.low_hz * (self.high_hz / self.low_hz) ** swing
        return waves.peaked(waves.softened(waves.tone(course, self.seconds, (1, 0.4, 0.2))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chirps(TimedRecipe):
    """Short whistles that all glide the same way, by an octave."""

    num_chirps: int
    direction: Literal["rising", "falling"]
    low_hz: int
    spacing_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            num_chirps=pick(rng, range(3, 9)),
            direction=pick(rng, ("rising", "falling")),
            low_hz=pick(rng, (800, 1_200, 1_600, 2_000, 2_600)),
            spacing_s=pick(rng, (0.35, 0.45, 0.6)),
        )

    @property
    def seconds(self) -> float:
        return self.num_chirps * self.spacing_s

    def attributes(self) -> dict[str, str]:
        return {
            "synthetic chirps": "",
            "Count": str(self.num_chirps),
            "Pitch of each": self.direction,
            "Lowest": f"{self.low_hz} Hz",
            "Spacing": f"{self.spacing_s:g} s",
        }

    def render(self) -> Samples:
        chirp_s = 0.2
        rise = np.linspace(0, 1, len(waves.times(chirp_s)))
        course = self.low_hz * 2 ** (rise if self.direction == "rising" else 1 - rise)
        chirp = waves.softened(waves.tone(course, chirp_s), 0.02, 0.02)
        starts = (index * self.spacing_s for index in range(self.num_chirps))
        return waves.peaked(waves.placed(((start_s, chirp) for start_s in starts), self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class PureTone(TimedRecipe):
    """A sine that stays as it is, or fades."""

    pitch_hz: int
    change: Change
    length_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        pitches = (110, 220, 330, 440, 550, 660, 880, 1_000, 1_500, 2_000, 3_000)
        return cls(pitch_hz=pick(rng, pitches), change=pick(rng, get_args(Change)), length_s=pick(rng, _SECONDS))

    @property
    def seconds(self) -> float:
        return self.length_s

    def attributes(self) -> dict[str, str]:
        return {"pure tone": "", "Frequency": f"{self.pitch_hz} Hz", "Loudness": self.change}

    def render(self) -> Samples:
        return waves.peaked(
            waves.softened(waves.tone(self.pitch_hz, self.seconds)) * course_of(self.change, self.seconds)
        )


def course_of(change: Change, seconds: float) -> Samples:
    """Returns the factor by which a sound's amplitude changes over its samples: by 30 dB, evenly, if it changes."""
    rise = np.linspace(-30.0, 0.0, len(waves.times(seconds)))
    decibels = {"steady": np.zeros_like(rise), "fading in": rise, "fading out": rise[::-1]}[change]
    return 10 ** (decibels / 20)
