"""Textures: noises of known colour, and sounds like rain, wind and an engine, of known volume and course."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from services.trainer.corpus import waves
from services.trainer.corpus.recipe import Samples, TimedRecipe, Volume, noise_source, pick
from services.trainer.corpus.signals import Change, course_of

Colour = Literal["white", "pink", "brown", "blue"]
SLOPE: dict[Colour, float] = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}
"""How steeply power falls with frequency."""
SECONDS = tuple(step / 2 for step in range(4, 12))
_DROPS_PER_S = {"light": 80, "heavy": 900}


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise(TimedRecipe):
    """Noise of one colour."""

    colour: Colour
    change: Change
    volume: Volume
    length_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            colour=pick(rng, get_args(Colour)),
            change=pick(rng, get_args(Change)),
            volume=pick(rng, get_args(Volume)),
            length_s=pick(rng, SECONDS),
        )

    @property
    def seconds(self) -> float:
        return self.length_s

    def attributes(self) -> dict[str, str]:
        return {f"{self.colour} noise": "", "Loudness": self.change, "Volume": self.volume}

    def render(self) -> Samples:
        hiss = waves.noise(noise_source(self), self.seconds, SLOPE[self.colour])
        return waves.levelled(hiss * course_of(self.change, self.seconds), self.volume)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rain(TimedRecipe):
    """A patter of drops over a hiss."""

    intensity: Literal["light", "heavy"]
    volume: Volume
    length_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            intensity=pick(rng, ("light", "heavy")),
            volume=pick(rng, get_args(Volume)),
            length_s=pick(rng, SECONDS),
        )

    @property
    def seconds(self) -> float:
        return self.length_s

    def attributes(self) -> dict[str, str]:
        return {"rain-like noise": "", "Drops": self.intensity, "Volume": self.volume}

    def render(self) -> Samples:
        rng = noise_source(self)
        drops = np.zeros(len(waves.times(self.seconds)))
        landed = rng.integers(len(drops), size=round(_DROPS_PER_S[self.intensity] * self.seconds))
        np.add.at(drops, landed, rng.uniform(-1, 1, len(landed)))
        splash = waves.decayed(waves.noise(rng, 0.012, band_hz=(1_000, 7_000)), 0.002)
        patter = np.convolve(drops, splash)[: len(drops)]
        hiss = waves.noise(rng, self.seconds, slope=1, band_hz=(500, 8_000))
        return waves.levelled(patter / patter.std() + 0.7 * hiss / hiss.std(), self.volume)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wind(TimedRecipe):
    """Low noise in gusts, which grow brighter as they grow louder."""

    num_gusts: int
    volume: Volume
    length_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            num_gusts=pick(rng, (1, 2, 3)),
            volume=pick(rng, get_args(Volume)),
            length_s=pick(rng, SECONDS),
        )

    @property
    def seconds(self) -> float:
        return self.length_s

    def attributes(self) -> dict[str, str]:
        return {"wind-like noise": "", "Gusts": str(self.num_gusts), "Volume": self.volume}

    def render(self) -> Samples:
        rng = noise_source(self)
        gust = np.sin(np.pi * self.num_gusts * waves.times(self.seconds) / self.seconds) ** 2
        low, high = (waves.noise(rng, self.seconds, 1, band) for band in ((80, 500), (500, 1_200)))
        rush = low / low.std() + gust * high / high.std()
        return waves.levelled(rush * (0.1 + gust), self.volume)


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine(TimedRecipe):
    """A low hum of many harmonics, whose pitch stays or glides between a slow and a fast rate."""

    slow_hz: int
    speed: Literal["steady", "speeding up", "slowing down"]
    volume: Volume
    length_s: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(
            slow_hz=pick(rng, (50, 60, 70, 80)),
            speed=pick(rng, ("steady", "speeding up", "slowing down")),
            volume=pick(rng, get_args(Volume)),
            length_s=pick(rng, SECONDS),
        )

    @property
    def seconds(self) -> float:
        return self.length_s

    def attributes(self) -> dict[str, str]:
        fast_hz = self.slow_hz if self.speed == "steady" else 2 * self.slow_hz
        start_hz, end_hz = (fast_hz, self.slow_hz) if self.speed == "slowing down" else (self.slow_hz, fast_hz)
        pitch = f"{start_hz} Hz" if start_hz == end_hz else f"from {start_hz} Hz to {end_hz} Hz"
        return {"engine-like hum": "", "Speed": self.speed, "Pitch": pitch, "Volume": self.volume}

    def render(self) -> Samples:
        rise = np.linspace(0, 1, len(waves.times(self.seconds)))
        octaves = {"steady": 0 * rise, "speeding up": rise, "slowing down": 1 - rise}[self.speed]
        hum = waves.tone(self.slow_hz * 2**octaves, self.seconds, [order**-0.8 for order in range(1, 15)])
        hiss = waves.noise(noise_source(self), self.seconds, slope=1, band_hz=(80, 2_000))
        return waves.levelled(waves.softened(hum / hum.std() + 0.1 * hiss / hiss.std(), 0.03, 0.03), self.volume)
