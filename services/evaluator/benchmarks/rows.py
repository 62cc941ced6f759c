"""From the bytes of a data file to checked items, and to errors that say where the file is wrong.

It knows JSON, JSONL and what makes an item askable; the formats' own fields are the business of the modules beside it.
"""

import codecs
import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from earwitness.errors import MalformedRow, NotFound
from services.evaluator.items import LETTERS, Item

Row = TypeVar("Row", bound=msgspec.Struct)
Decoded = TypeVar("Decoded")
_FIELD = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A data file that was read once."""

    path: Path
    content: bytes
    sha256: str

    @classmethod
    def open(cls, path: Path) -> "Source":
        """Reads the file; raises `NotFound` if there is none."""
        try:
            content = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(f"there is no file {path}", "path", "check the path") from error
        return cls(path=path, content=content.removeprefix(codecs.BOM_UTF8), sha256=hashlib.sha256(content).hexdigest())

    def lines(self, kind: type[Row]) -> Iterator[tuple[str, Row]]:
        """Yields `(place, row)` for every line of a JSONL file that is not blank, `place` reading `file:line`."""
        for number, line in enumerate(self.content.splitlines(), start=1):
            if line.strip():
                place = f"{self.path.name}:{number}"
                yield place, _decode(line, kind, place)

    def rows(self, kind: type[Row]) -> Iterator[tuple[str, Row]]:
        """Yields `(place, row)` for every row of a file that is one JSON list, `place` reading `file:row 0`."""
        for index, raw in enumerate(_decode(self.content, list[msgspec.Raw], self.path.name)):
            place = f"{self.path.name}:row {index}"
            yield place, _decode(raw, kind, place)


def collect(rows: Iterator[tuple[str, Row]], item: Callable[[str, Row], Item]) -> tuple[Item, ...]:
    """Returns the items that `item(place, row)` makes of the rows; raises `MalformedRow` on an id that comes twice."""
    places: dict[str, str] = {}
    items: list[Item] = []
    for place, row in rows:
        made = item(place, row)
        if made.id in places:
            message = f"the id '{made.id}' was already used at {places[made.id]}"
            raise MalformedRow(message, f"{place}: id", "give every row its own id")
        places[made.id] = place
        items.append(made)
    return tuple(items)


def make_item(
    place: str,
    *,
    id: str | int,
    question: str,
    choices: list[str],
    answer: str | None,
    groups: Mapping[str, str | list[str] | None],
    audio: Path | None = None,
) -> Item:
    """Returns the item of one row.

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
        groups={key: sys.intern(text) for key, value in groups.items() if (text := _joined(value))},
    )


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


def _joined(value: str | list[str] | None) -> str:
    parts = [value] if isinstance(value, str) else value or []
    return ", ".join(part.strip() for part in parts if part.strip())


def _decode(content: bytes | msgspec.Raw, kind: type[Decoded], place: str) -> Decoded:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        missing = _MISSING.search(str(error))
        found = missing or _FIELD.search(str(error))
        where = f"{place}: {found[1]}" if found and found[1] else place
        what = "it is missing" if missing else _FIELD.sub("", str(error))
        remedy = "correct the row" if kind.__module__ == "builtins" else f"its format is described in {kind.__module__}"
        raise MalformedRow(what[:1].lower() + what[1:], where, remedy) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRow(f"this is no JSON: {error}", place, "check brackets, quotes and that it is UTF-8") from error
