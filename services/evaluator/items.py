"""The evaluator's nouns: an Item of a Benchmark, the Answer to it, and the five Outcomes.

They are values. They know nothing of files, models or the wire.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

Setting = Literal["text", "cascade", "audio"]
SETTINGS: tuple[Setting, ...] = ("text", "cascade", "audio")
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

    def digest(self, audio_sha256: str) -> str:
        """Returns the SHA-256 (hex) of what is asked: question, choices and the clip's hash ("" without a clip)."""
        content = [self.question, list(self.choices), audio_sha256]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """A named, versioned set of items."""

    name: str
    version: str
    sha256: str
    """Of the file that holds the items, hex."""
    items: tuple[Item, ...]
    breakdowns: tuple[str, ...]
    """The keys of `Item.groups` that the report has tables for, the most important first."""

    @property
    def has_audio(self) -> bool:
        """Whether the items are about clips."""
        return any(item.audio for item in self.items)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back for one item, as it is kept in the ledger: never interpreted, so that it can be scored again."""

    text: str
    finish_reason: Literal["stop", "length", "error"]
    error: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
