"""What a question is, before its choices are shuffled, and the names that MMAU and MMAR give to skills."""

from dataclasses import dataclass, field
from typing import Any, Literal

from tools.mini_mmau.clips import Clip
from tools.mini_mmau.measure import Value

Task = Literal["sound", "music", "speech"]
Difficulty = Literal["easy", "medium", "hard"]
Layer = Literal["Signal Layer", "Perception Layer", "Semantic Layer", "Cultural Layer"]

EXTRACTION = (
    "Eco-Acoustic Knowledge",
    "Harmony and Chord Progressions",
    "Instrumentation",
    "Melodic Structure Interpretation",
    "Musical Texture Interpretation",
    "Phonological Sequence Decoding",
    "Rhythm and Tempo Understanding",
    "Sound-Based Event Recognition",
)
"""Sub-categories that MMAU test-mini files under Information Extraction; the others in use stand under Reasoning."""

LAYERS: dict[str, Layer] = {
    "Acoustic Quality Analysis": "Signal Layer",
    "Anomaly Detection": "Signal Layer",
    "Audio Difference Analysis": "Signal Layer",
    "Correlation Analysis": "Perception Layer",
    "Counting and Statistics": "Perception Layer",
    "Environmental Perception and Reasoning": "Perception Layer",
    "Music Theory": "Perception Layer",
    "Spatial Analysis": "Perception Layer",
    "Temporal Analysis": "Perception Layer",
    "Content Analysis": "Semantic Layer",
    "Emotion and Intention": "Semantic Layer",
    "Speaker Analysis": "Semantic Layer",
    "Aesthetic Evaluation": "Cultural Layer",
    "Culture of Speaker": "Cultural Layer",
    "Imagination": "Cultural Layer",
    "Professional Knowledge and Reasoning": "Cultural Layer",
}
"""MMAR's sub-categories and the layer of each (Ma et al., 2025, arXiv:2505.13032)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A measurement by its name in `measure.MEASURES`, and the value that it would have if each choice were right.

    `expected` follows the order of the choices. None stands where nothing could be measured. The name `transcript` is
    the recogniser's: then each choice expects words, in their order.
    """

    what: str
    expected: tuple[Any, ...]
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Deep:
    """What MMAR adds to a question: its sub-category, what to listen for, and the reasoning to the answer."""

    skill: str
    cue: tuple[str, ...]
    thinking: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question about a clip; the right choice stands first."""

    text: str
    choices: tuple[str, ...]
    clip: Clip
    measured: Measured
    skill: str = ""
    """The sub-category of MMAU; "" for a question that is only in the MMAR file."""
    difficulty: Difficulty = "medium"
    verified_by: Literal["rule", "source"] = "rule"
    """`source`: the answer is the documented name of a recording. `rule`: it is computed from how the clip was made."""
    transcript: str = ""
    """The words spoken, as synthesised or as named by the recording."""
    modality: str = ""
    """For a question that is only in the MMAR file: sound, music, speech or a mix."""
    deep: Deep | None = None
    """Present if the question is in the MMAR file."""

    @property
    def category(self) -> str:
        return "Information Extraction" if self.skill in EXTRACTION else "Reasoning"


def by_profile(*expected: Value | None, **arguments: Any) -> Measured:
    """A measurement of the spectral profile against those of the recordings that the choices name."""
    return Measured(what="profile", expected=expected, arguments=arguments)


def by_words(*expected: str) -> Measured:
    """A recogniser's transcript against the words that each choice expects, in lower case and separated by spaces."""
    return Measured(what="transcript", expected=tuple(words.split() for words in expected))
