"""Prompt templates: how an item is put to a model in each setting, and what a captioner is told. They are data, in
`prompts.yaml`.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.conversation import Turn
from earwitness.errors import NotFound
from services.evaluator.items import LETTERS, Item, Setting

FILE = Path(__file__).with_name("prompts.yaml")
DEFAULT = "figure-1@1"
PLAIN = "plain@1"
"""The caption prompt that says nothing."""
_FIELD = re.compile(r"\{(question|caption|lettered|quoted)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptTemplate:
    """The wording of one prompt in the three settings."""

    name: str
    """With its version, such as `figure-1@1`."""
    note: str
    """Where the wording comes from."""
    system: str
    text: str
    cascade: str
    audio: str

    @property
    def is_lettered(self) -> bool:
        """Whether the options have letters in it, without which none can be answered."""
        return "{lettered}" in self.text

    def render(self, item: Item, setting: Setting, caption: str = "") -> tuple[Turn, Turn]:
        """Returns the system and the user turn. Fields are filled in one pass: no text is read as a template twice."""
        fields = {
            "question": item.question,
            "caption": caption,
            "lettered": "\n".join(f"({LETTERS[at]}) {choice}" for at, choice in enumerate(item.choices)),
            "quoted": _quoted(item.choices),
        }
        wording: str = getattr(self, setting)
        content = _FIELD.sub(lambda match: fields[match[1]], wording)
        return Turn(role="system", content=self.system), Turn(role="user", content=content)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionPrompt:
    """What a captioner is told beside the clip."""

    name: str
    note: str
    text: str

    @property
    def is_aware(self) -> bool:
        """Whether it holds the question."""
        return "{question}" in self.text

    def render(self, item: Item) -> str:
        """Returns the words for one item."""
        return self.text.replace("{question}", item.question)


def template(name: str) -> PromptTemplate:
    """Returns a template by its name; raises NotFound with the known names."""
    return PromptTemplate(name=name, **_entry("templates", name, "prompt"))


def caption_prompt(name: str) -> CaptionPrompt:
    """Returns a caption prompt by its name; raises NotFound with the known names."""
    return CaptionPrompt(name=name, **_entry("captions", name, "caption_prompt"))


def _entry(kind: str, name: str, field: str) -> dict[str, str]:
    known = _entries()[kind]
    if name not in known:
        raise NotFound(f"there is no prompt {name!r}", field, f"known: {', '.join(known)}")
    return known[name]


@functools.cache
def _entries() -> dict[str, dict[str, dict[str, str]]]:
    import yaml

    return yaml.safe_load(FILE.read_text())


def _quoted(choices: Sequence[str]) -> str:
    *most, last = [f'"{choice}"' for choice in choices]
    return f"{', '.join(most)} or {last}" if most else last
