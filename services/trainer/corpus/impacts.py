"""Impacts: knocks, clicks and bell strokes of known number and rhythm."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from services.trainer.corpus import waves
from services.trainer.corpus.melodies import note
from services.trainer.corpus.recipe import Samples, TimedRecipe, noise_source, pick

Pace = Literal["steady", "speeding up", "slowing down"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Knocks(TimedRecipe):
    """Dull, wooden knocks, evenly or in groups with a longer pause between them."""

    num_groups: int
    per_group: int
    spacing_s: float
    resonance: Literal["dull", "bright"]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            num_groups=pick(rng, (1, 2, 3)),
            per_group=pick(rng, (2, 3, 4)),
            spacing_s=pick(rng, (0.2, 0.25, 0.3, 0.35)),
            resonance=pick(rng, ("dull", "bright")),
        )

    @property
    def seconds(self) -> float:
        return max(self.num_groups * self._group_s, 1.0)

    @property
    def _group_s(self) -> float:
        """From one group to the next: a pause of one and a half more spacings ends each."""
        return self.spacing_s * (self.per_group + 1.5)

    def attributes(self) -> dict[str, str]:
        return {
            "synthetic knocks": "",
            "Sound": self.resonance,
            "Count": str(self.num_groups * self.per_group),
            "Groups": str(self.num_groups),
            "Spacing": f"{self.spacing_s:g} s",
        }

    def onsets(self) -> list[float]:
        """Returns when each knock starts, in seconds."""
        return [
            group * self._group_s + index * self.spacing_s
            for group in range(self.num_groups)
            for index in range(self.per_group)
        ]

    def render(self) -> Samples:
        pitch_hz = 140 if self.resonance == "dull" else 320
        thud = waves.tone(pitch_hz, 0.15) + 0.5 * waves.tone(2.3 * pitch_hz, 0.15)
        slap = waves.peaked(waves.noise(noise_source(self), 0.15, slope=1, band_hz=(100, 3_000)), 0.8)
        knock = waves.decayed(thud + slap * np.exp(-waves.times(0.15) / 0.006), 0.03)
        return waves.peaked(waves.placed(((onset, knock) for onset in self.onsets()), self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class Clicks(TimedRecipe):
    """Sharp clicks whose spacing stays, shrinks or grows by a constant factor."""

    num_clicks: int
    pace: Pace
    length_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            num_clicks=pick(rng, range(6, 13)),
            pace=pick(rng, get_args(Pace)),
            length_s=pick(rng, (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)),
        )

    @property
    def seconds(self) -> float:
        return self.length_s

    def attributes(self) -> dict[str, str]:
        return {"clicks": "", "Count": str(self.num_clicks), "Pace": self.pace}

    def onsets(self) -> list[float]:
        """Returns when each click starts, in seconds; over the clip, gaps grow or shrink four times if they change."""
        course = np.linspace(0, 1, self.num_clicks)
        exponent = {"steady": 0.0, "speeding up": -1.0, "slowing down": 1.0}[self.pace]
        gaps = 4.0 ** (exponent * course)
        return [0.0, *np.cumsum(gaps * self.length_s / gaps.sum())[:-1].tolist()]

    def render(self) -> Samples:
        click = waves.decayed(waves.noise(noise_source(self), 0.02, band_hz=(1_500, 7_000)), 0.003)
        return waves.peaked(waves.placed(((onset, click) for onset in self.onsets()), self.seconds))


@dataclass(frozen=True, kw_only=True, slots=True)
class BellStrokes(TimedRecipe):
    """Strokes of one bell, as a clock strikes the hour."""

    num_strokes: int
    register: Literal["low", "middle", "high"]
    spacing_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        spacing_s = pick(rng, (0.5, 0.6, 0.8, 1.0, 1.2))
        return cls(
            num_strokes=pick(rng, range(2, int(5.5 / spacing_s) + 1)),
            register=pick(rng, ("low", "middle", "high")),
            spacing_s=spacing_s,
        )

    @property
    def seconds(self) -> float:
        return self.num_strokes * self.spacing_s

    def attributes(self) -> dict[str, str]:
        return {
            "bell-like strokes": "",
            "Count": str(self.num_strokes),
            "Register": self.register,
            "Spacing": f"{self.spacing_s:g} s",
        }

    def onsets(self) -> list[float]:
        """Returns when each stroke starts, in seconds."""
        return [index * self.spacing_s for index in range(self.num_strokes)]

    def render(self) -> Samples:
        stroke = note("bell-like", {"low": 220.0, "middle": 523.25, "high": 1_174.7}[self.register], self.spacing_s)
        return waves.peaked(waves.placed(((onset, stroke) for onset in self.onsets()), self.seconds))
