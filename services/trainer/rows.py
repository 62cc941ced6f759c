"""Training rows in the format of DeSTA-AQA5M: what was asked about a clip, and what the language model said.

Source of the format: kehanlu/DeSTA2.5-Audio, docs/train.md, and DeSTA-ntu/DeSTA-AQA5M-FROM-Llama3.1-8B-Instruct.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

import msgspec

from earwitness.errors import MalformedRow, NotFound

SYSTEM = "You are a helpful assistant. The audio clips appear between <start_audio> and <end_audio> tags."


@dataclass(frozen=True, kw_only=True, slots=True)
class RowAudio:
    """A clip of a message."""

    audio: str
    """Its file, relative to the corpus folder."""
    text: str
    """Its transcript; " " where nobody speaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowMessage:
    """A turn of the conversation that the audio language model sees."""

    role: str
    content: str
    audios: tuple[RowAudio, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One example: the conversation, and the answer to learn."""

    id: str
    dataset: str
    seed_description: str
    """The clip in words: what the language model saw in place of the clip."""
    prompt: str
    response: str
    messages: tuple[RowMessage, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """An answer that makes no row, kept in a file of its own so that it is not asked for again."""

    id: str
    """Of the row that it would have been."""
    max_tokens: int
    """The limit that it was cut at, or was empty under."""


R = TypeVar("R", Row, Dropped)


def append(path: Path, rows: Iterable[Row | Dropped]) -> None:
    """Adds rows to a JSONL file, each whole."""
    with path.open("ab") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")


def replace(path: Path, rows: Iterable[Row]) -> None:
    """Writes a JSONL file anew: it holds the old rows or the new ones, never a part."""
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    scratch.replace(path)


@overload
def read(path: Path) -> tuple[Row, ...]: ...
@overload
def read(path: Path, kind: type[R]) -> tuple[R, ...]: ...
def read(path: Path, kind: type[Row] | type[Dropped] = Row) -> tuple[Row | Dropped, ...]:
    """Returns the rows of a JSONL file.

    Raises NotFound for a missing file, MalformedRow with file and line for a row that breaks the format.
    """
    if not path.is_file():
        raise NotFound("there is no such file of training rows", str(path), "make it with `earwitness train distil`")
    rows: list[Row | Dropped] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            rows.append(msgspec.json.decode(line, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            where = f"{path.name}:{number}"
            raise MalformedRow(str(error), where, "rows follow DeSTA-AQA5M: id, prompt, response, messages") from None
    return tuple(rows)


def mend(path: Path) -> None:
    """Cuts off a last line that a killed writer left unfinished; what is whole is not written again."""
    if path.is_file() and not (data := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)
