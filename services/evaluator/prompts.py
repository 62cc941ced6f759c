"""Prompt templates: how an item is put to a model in each setting. They are data, in `prompts.yaml`."""

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


def template(name: str) -> PromptTemplate:
    """Returns a template by its name; raises NotFound with the known names."""
    known = _templates()
    if name not in known:
        raise NotFound(f"there is no prompt template {name!r}", "prompt", f"known: {', '.join(known)}")
    return known[name]


@functools.cache
def _templates() -> dict[str, PromptTemplate]:
    import yaml

    entries: dict[str, dict[str, str]] = yaml.safe_load(FILE.read_text())
    return {name: PromptTemplate(name=name, **entry) for name, entry in entries.items()}


def _quoted(choices: Sequence[str]) -> str:
    *most, last = [f'"{choice}"' for choice in choices]
    return f"{', '.join(most)} or {last}" if most else last
