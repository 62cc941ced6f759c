"""Drum beats of known tempo, time signature and pattern, on a synthesised kit of bass drum, snare drum and hi-hat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from services.trainer.corpus import waves
from services.trainer.corpus.recipe import Samples, TimedRecipe, noise_source, pick

PATTERNS: Mapping[str, tuple[int, Mapping[str, tuple[float, ...]]]] = {
    "four-on-the-floor": (4, {"bass": (0, 1, 2, 3), "hat": (0.5, 1.5, 2.5, 3.5)}),
    "backbeat": (4, {"bass": (0, 2), "snare": (1, 3), "hat": (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)}),
    "half-time": (4, {"bass": (0,), "snare": (2,), "hat": (0, 1, 2, 3)}),
    "march": (4, {"bass": (0, 2), "snare": (0, 1, 2, 3, 3.5)}),
    "waltz": (3, {"bass": (0,), "snare": (1, 2)}),
}
"""Beats to the bar, and the beats, from 0, on which each drum is struck."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DrumBeat(TimedRecipe):
    """Whole bars of one pattern."""

    pattern: str
    beats_per_minute: int
    num_bars: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        pattern = pick(rng, tuple(PATTERNS))
        beats_per_minute = pick(rng, range(80, 182, 4))
        bar_s = PATTERNS[pattern][0] * 60 / beats_per_minute
        return cls(
            pattern=pattern,
            beats_per_minute=beats_per_minute,
            num_bars=pick(rng, range(max(1, int(2 / bar_s)), int(5.8 / bar_s) + 1)),
        )

    @property
    def seconds(self) -> float:
        return self.num_bars * PATTERNS[self.pattern][0] * 60 / self.beats_per_minute

    def attributes(self) -> dict[str, str]:
        return {
            "synthetic drum beat": "",
            "Pattern": self.pattern,
            "Time signature": f"{PATTERNS[self.pattern][0]}/4",
            "Bars": str(self.num_bars),
            "Tempo": f"{self.beats_per_minute} bpm",
        }

    def strikes(self) -> list[tuple[float, str]]:
        """Returns when which drum is struck, in seconds, in the order of time."""
        beats_per_bar, drums = PATTERNS[self.pattern]
        return sorted(
            ((bar * beats_per_bar + beat) * 60 / self.beats_per_minute, drum)
            for bar in range(self.num_bars)
            for drum, beats in drums.items()
            for beat in beats
        )

    def render(self) -> Samples:
        rng = noise_source(self)
        drums = {"bass": _bass(), "snare": _snare(rng), "hat": _hat(rng)}
        return waves.peaked(waves.placed(((start_s, drums[drum]) for start_s, drum in self.strikes()), self.seconds))


def _bass() -> Samples:
    at = waves.times(0.25)
    return waves.decayed(waves.tone(50 + 90 * np.exp(-at / 0.03), 0.25), 0.08)


def _snare(rng: np.random.Generator) -> Samples:
    rattle = waves.peaked(waves.noise(rng, 0.18, band_hz=(800, 7_000)), 0.6)
    return waves.decayed(rattle + 0.5 * waves.tone(190, 0.18), 0.05)


def _hat(rng: np.random.Generator) -> Samples:
    return waves.decayed(waves.peaked(waves.noise(rng, 0.06, band_hz=(5_000, 8_000)), 0.3), 0.015)
