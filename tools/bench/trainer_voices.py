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
from services.trainer.corpus import sentences
from services.trainer.corpus.speech import Level, Pace, Speech, Voice

SAMPLE_TYPE = np.float32
SENTENCES = 6
"""In a clip. The encoder hears 30 s whatever a clip's length, and of a single sentence of 2 s queries that have yet to
learn where to look see next to nothing."""


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
    """Sentences in one voice."""

    samples: NDArray[np.float32]
    """Mono at 16 kHz, of shape `(samples,)`."""
    sentences: tuple[str, ...]
    right: Mapping[str, str]
    """The right answer by attribute."""

    def prompt(self, attribute: str, splicer: Splicer) -> Spliced:
        """Returns the question about an attribute, with the transcript beside the clip."""
        message = Message(role="user", content=f"{MARK}\n\n{QUESTIONS[attribute].text}", audios=("clip",))
        return splicer.splice([message], [" ".join(self.sentences)])


def speak(count: int, seed: int, *, but: Sequence[Spoken] = ()) -> list[Spoken]:
    """Returns clips that share no sentence, with `but` neither; the same seed, the same clips."""
    rng = np.random.default_rng(seed)
    said = {sentence for each in but for sentence in each.sentences}
    found: list[Spoken] = []
    for _ in range(count):
        voice = Voice.draw(rng)
        few = tuple(_unsaid(rng, said) for _ in range(SENTENCES))
        samples = Speech(sentence=" ".join(few), voice=voice).render().astype(SAMPLE_TYPE)
        values = {"sex": voice.sex, "speed": voice.pace, "pitch": voice.pitch_level}
        right = {name: QUESTIONS[name].options[value] for name, value in values.items()}
        found.append(Spoken(samples=samples, sentences=few, right=right))
    return found


def _unsaid(rng: np.random.Generator, said: set[str]) -> str:
    """Draws a sentence that is not among those said, and counts it with them."""
    while (sentence := sentences.draw(rng)) in said:
        pass
    said.add(sentence)
    return sentence
