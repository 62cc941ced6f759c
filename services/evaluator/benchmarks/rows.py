"""From one row of a data file to a checked item, and to errors that say where the file is wrong.

It knows JSON and what makes an item askable; the formats' own fields are the business of the modules beside it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from earwitness.errors import MalformedRow
from services.evaluator.items import LETTERS, Item

Decoded = TypeVar("Decoded")
Text = str | list[str] | None
"""A column that official files give as a text, as a list of texts, or not at all."""
_FIELD = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def make_item(
    place: str,
    *,
    id: str | int,
    question: str,
    choices: list[str],
    answer: str | None,
    groups: Mapping[str, Text],
    audio: Path | None = None,
) -> Item:
    """Returns the item of one row; `place` reads `file:line`.

    A blank or missing answer means that the benchmark withholds it. An answer that differs from a choice only in case
    or outer blanks is taken for that choice. A group given as a list reads as its members joined by commas; a blank
    group is left out.

    Raises `MalformedRow` if there is nothing to ask or the answer is none of the choices.
    """
    if not str(id).strip():
        raise MalformedRow("it is blank", f"{place}: id", "give every row its own id")
    if not question.strip():
        raise MalformedRow("it is blank", f"{place}: question", "give the question's text")
    if not 1 <= len(choices) <= len(LETTERS):
        raise MalformedRow(
            f"{len(choices)} choices", f"{place}: choices", f"give 1 to {len(LETTERS)} choices, one letter each"
        )
    if not all(choice.strip() for choice in choices):
        raise MalformedRow("a choice is blank", f"{place}: choices", "give every choice a text")
    return Item(
        id=str(id),
        question=question,
        choices=tuple(choices),
        answer=_gold(answer, choices, place),
        audio=audio,
        groups={key: text for key, value in groups.items() if (text := _joined(value))},
    )


def decode(content: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Decoded], place: str) -> Decoded:
    """Returns what the JSON holds; raises `MalformedRow` with the field at fault."""
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        missing = _MISSING.search(str(error))
        found = missing or _FIELD.search(str(error))
        where = f"{place}: {found[1]}" if found and found[1] else place
        what = "it is missing" if missing else _FIELD.sub("", str(error))
        module = getattr(decoder.type, "__module__", "builtins")
        remedy = "correct the row" if module == "builtins" else f"its format is described in {module}"
        raise MalformedRow(what[:1].lower() + what[1:], where, remedy) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRow(f"this is no JSON: {error}", place, "check brackets, quotes and that it is UTF-8") from error


def _gold(answer: str | None, choices: list[str], place: str) -> str | None:
    if answer is None or not answer.strip():
        return None
    if answer in choices:
        return answer
    alike = [choice for choice in choices if choice.strip().casefold() == answer.strip().casefold()]
    if not alike:
        raise MalformedRow(
            f"'{answer}' is none of the choices", f"{place}: answer", "give the right choice's text, or leave it blank"
        )
    return alike[0]


def _joined(value: Text) -> str:
    parts = [value] if isinstance(value, str) else value or []
    return ", ".join(part.strip() for part in parts if part.strip())
