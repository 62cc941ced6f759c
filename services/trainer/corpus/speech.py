"""Speech of known words, sex, pace, pitch and volume, spoken by eSpeak NG.

The words of a description ("Low", "Slow") stand for ranges that do not touch; pitch is low or high for its sex.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from earwitness import speech
from earwitness.audio import SAMPLE_RATE, from_samples
from services.trainer.corpus import sentences, waves
from services.trainer.corpus.recipe import Recipe, Samples, Volume, pick

Level = Literal["Low", "Normal", "High"]
Pace = Literal["Slow", "Normal", "Fast"]

VARIANTS: dict[speech.Sex, tuple[str, ...]] = {"female": ("f2", "f3", "f5"), "male": ("m2", "m3", "m5", "m7")}
"""Variants of eSpeak NG's voices that agree on pitch to a few hertz."""
WORDS_PER_MINUTE: Mapping[Pace, range] = {"Slow": range(100, 116), "Normal": range(145, 161), "Fast": range(200, 221)}
"""As eSpeak NG counts them; everyday words come about a third faster."""
PITCH: Mapping[Level, range] = {"Low": range(16, 22), "Normal": range(46, 55), "High": range(64, 72)}
"""On eSpeak NG's scale of 0 to 99. Over the sentences of this corpus, the median fundamental of a clip is 69-93, 94-112
and 112-131 Hz in the men's voices, and 133-179, 175-225 and 212-258 Hz in the women's."""

_SILENCE = 0.01
_MIN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """Who speaks, and how."""

    sex: speech.Sex
    variant: str
    words_per_minute: int
    pitch: int
    volume: Volume

    @property
    def pace(self) -> Pace:
        """The range in which the rate lies."""
        return next(pace for pace, rates in WORDS_PER_MINUTE.items() if self.words_per_minute in rates)

    @property
    def pitch_level(self) -> Level:
        """The range in which the pitch lies, for the voice's sex."""
        return next(level for level, pitches in PITCH.items() if self.pitch in pitches)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Returns a voice: sex, pace, pitch and volume are each as likely one way as another."""
        sex: speech.Sex = pick(rng, get_args(speech.Sex))
        return cls(
            sex=sex,
            variant=pick(rng, VARIANTS[sex]),
            words_per_minute=pick(rng, pick(rng, tuple(WORDS_PER_MINUTE.values()))),
            pitch=pick(rng, pick(rng, tuple(PITCH.values()))),
            volume=pick(rng, get_args(Volume)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech(Recipe):
    """One sentence in one voice."""

    sentence: str
    voice: Voice

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        return cls(sentence=sentences.draw(rng), voice=Voice.draw(rng))

    @property
    def transcript(self) -> str:
        return self.sentence

    def attributes(self) -> dict[str, str]:
        return {
            "Gender": self.voice.sex.capitalize(),
            "Pitch": self.voice.pitch_level,
            "Volume": self.voice.volume,
            "Speaking speed": self.voice.pace,
        }

    def render(self) -> Samples:
        """Returns the sentence from its first sound to its last, with silence after it if that is under a second."""
        spoken, rate_hz = speech.synthesise(
            self.sentence,
            voice=f"en-us+{self.voice.variant}",
            words_per_minute=self.voice.words_per_minute,
            pitch=self.voice.pitch,
        )
        samples = from_samples(spoken, rate_hz).samples.astype(np.float64)
        heard = np.flatnonzero(np.abs(samples) > _SILENCE * np.abs(samples).max())
        levelled = waves.levelled(samples[heard[0] : heard[-1] + 1], self.voice.volume)
        return waves.placed([(0.0, levelled)], max(len(levelled) / SAMPLE_RATE, _MIN_SECONDS))
