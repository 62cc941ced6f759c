"""The evaluator's nouns: an Item of a Benchmark, the Answer to it, and the five Outcomes.

They are values. They know nothing of files, models or the wire.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from json.encoder import encode_basestring as quote
from pathlib import Path
from typing import Literal

Setting = Literal["text", "cascade", "audio"]
SETTINGS: tuple[Setting, ...] = ("text", "cascade", "audio")
Control = Literal["none", "blind", "shuffle"]
"""`blind` asks about a clip without the clip; `shuffle` rotates the options, to see whether their places matter."""
Answering = Literal["generate", "letters", "options"]
"""In words, or by the log-probability of each option's letter, or of its text."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Outcome(StrEnum):
    """What became of an item. Accuracy has every item in its denominator, whatever its outcome."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSED = "unparsed"
    """The model answered, and no extractor finds exactly one option in the answer."""
    TRUNCATED = "truncated"
    """The answer reached the token limit before an option could be read from it."""
    FAILED = "failed"
    """No answer: the call failed for good. `Answer.error` says how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One multiple-choice question, about a clip or about sound in general."""

    id: str
    question: str
    choices: tuple[str, ...]
    answer: str | None
    """The text of the right choice; None where the benchmark withholds it."""
    audio: Path | None = None
    """The clip, for the settings that hear; None in a text benchmark."""
    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the report breaks results down by, such as category, subcategory, task, modality, difficulty."""

    def rotated(self, places: int) -> "Item":
        """Returns the item with its options moved on by so many places, the last ones to the front."""
        at = -places % len(self.choices)
        return replace(self, choices=self.choices[at:] + self.choices[:at]) if at else self

    def digest(self, audio_sha256: str) -> str:
        """Returns the SHA-256 (hex) of what is asked: question, choices and the clip's hash ("" without a clip)."""
        choices = ", ".join([quote(choice) for choice in self.choices])  # as `json.dumps`, in a fifth of the time
        content = f"[{quote(self.question)}, [{choices}], {quote(audio_sha256)}]"
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """A named, versioned set of items."""

    name: str
    version: str
    sha256: str
    """Of the file that holds the items, hex."""
    items: Sequence[Item]
    """Decoded as they are read: go through them in order rather than keep them, since they may be a million."""
    breakdowns: tuple[str, ...]
    """The keys of `Item.groups` that the report has tables for, the most important first."""
    has_audio: bool = False
    """Whether the items are about clips."""
    known_bad: Mapping[str, str] = field(default_factory=dict[str, str])
    """Ids of items whose text or gold answer is known to be wrong, and the reason. They are asked like the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back for one item, as it is kept in the ledger: never interpreted, so that it can be scored again."""

    text: str
    finish_reason: Literal["stop", "length", "error"]
    error: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    option_scores: tuple[float, ...] = ()
    """The log-probability of each option, where the options were scored instead of a text generated."""
