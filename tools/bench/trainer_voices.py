"""Synthetic speech whose speaker's sex, pace and pitch are known for sure, and what can be asked about it.

The answers are words from a list, not distilled: what is right must not depend on what an LLM made of a description.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from earwitness.desta.splice import MARK, Message, Spliced, Splicer
from earwitness.speech import Sex
from services.trainer.corpus.speech import Level, Pace, Speech

SAMPLE_TYPE = np.float32


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked about an attribute, and the word for each of its values."""

    text: str
    options: Mapping[str, str]


QUESTIONS: Mapping[str, Question] = {
    "sex": Question(
        text="Is the speaker a woman or a man? Answer with one word.",
        options=dict(zip(get_args(Sex), ("woman", "man"), strict=True)),
    ),
    "speed": Question(
        text="Is the speech slow, normal or fast? Answer with one word.",
        options=dict(zip(get_args(Pace), ("slow", "normal", "fast"), strict=True)),
    ),
    "pitch": Question(
        text="Is the voice low, medium or high for the speaker's sex? Answer with one word.",
        options=dict(zip(get_args(Level), ("low", "medium", "high"), strict=True)),
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """One sentence in one voice."""

    samples: NDArray[np.float32]
    """Mono at 16 kHz, of shape `(samples,)`."""
    words: str
    right: Mapping[str, str]
    """The right answer by attribute."""

    def prompt(self, attribute: str, splicer: Splicer) -> Spliced:
        """Returns the question about an attribute, with the transcript beside the clip."""
        message = Message(role="user", content=f"{MARK}\n\n{QUESTIONS[attribute].text}", audios=("clip",))
        return splicer.splice([message], [self.words])


def speak(count: int, seed: int, *, but: Sequence[Spoken] = ()) -> list[Spoken]:
    """Returns clips whose sentences differ, from those of `but` too; the same seed, the same clips."""
    rng = np.random.default_rng(seed)
    said = {each.words for each in but}
    found: list[Spoken] = []
    while len(found) < count:
        drawn = Speech.draw(rng)
        if drawn.sentence in said:
            continue
        said.add(drawn.sentence)
        voice = drawn.voice
        values = {"sex": voice.sex, "speed": voice.pace, "pitch": voice.pitch_level}
        right = {name: QUESTIONS[name].options[value] for name, value in values.items()}
        found.append(Spoken(samples=drawn.render().astype(SAMPLE_TYPE), words=drawn.sentence, right=right))
    return found
