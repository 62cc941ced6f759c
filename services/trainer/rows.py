"""Training rows in the format of DeSTA-AQA5M: what was asked about a clip, and what the language model said.

Source of the format: kehanlu/DeSTA2.5-Audio, docs/train.md (rows of `messages` and `response` alone) and
desta/trainer/data/simple_dataset.py; DeSTA-ntu/DeSTA-AQA5M-FROM-Llama3.1-8B-Instruct (with `id`, `dataset`,
`seed_description` and `prompt`). Read as they are: `audios` that is null or absent, a `text` that is null where nobody
speaks, other keys. Written the one way: " " for no speech, no `audios` on a message without clips, no field that is "".
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from earwitness.errors import MalformedRow, NotFound

SYSTEM = "You are a helpful assistant. The audio clips appear between <start_audio> and <end_audio> tags."
SILENT = " "
"""The transcript of a clip in which nobody speaks."""


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
    """An answer that makes no row, kept in a file of its own so that it can be read, and is not asked for again."""

    id: str
    """Of the row that it would have been."""
    reason: str
    """The rule of `services.trainer.filters` that it breaks."""
    max_tokens: int
    """The limit that it was asked under."""
    dataset: str = ""
    seed_description: str = ""
    prompt: str = ""
    response: str = ""


class _Audio(msgspec.Struct):
    audio: str
    text: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str
    audios: tuple[_Audio, ...] | None = None


class _Row(msgspec.Struct):
    """A row as others write it."""

    response: str
    messages: tuple[_Message, ...]
    id: str | int = ""
    dataset: str | None = None
    seed_description: str | None = None
    prompt: str | None = None


R = TypeVar("R", Row, Dropped)
D = TypeVar("D")
_decode_row = msgspec.json.Decoder(_Row).decode
_decode_dropped = msgspec.json.Decoder(Dropped).decode


def encode(row: Row | Dropped) -> bytes:
    """Returns the row with its line break: the same row, the same bytes."""
    return msgspec.json.encode(_tree(row) if isinstance(row, Row) else row) + b"\n"


def append(path: Path, rows: Iterable[Row | Dropped]) -> None:
    """Adds rows to a JSONL file, each whole."""
    with path.open("ab") as file:
        file.writelines(map(encode, rows))


@overload
def stream(path: Path) -> Iterator[Row]: ...
@overload
def stream(path: Path, kind: type[R]) -> Iterator[R]: ...
def stream(path: Path, kind: type[Row] | type[Dropped] = Row) -> Iterator[Row | Dropped]:
    """Yields the rows of a JSONL file one by one; blank lines are skipped.

    Raises NotFound for a missing file, MalformedRow with file and line for a row that breaks the format.
    """
    if not path.is_file():
        raise NotFound("there is no such file of training rows", str(path), "make it with `earwitness train distil`")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            yield decode(line, where) if kind is Row else _decoded(_decode_dropped, line, where)


@overload
def read(path: Path) -> tuple[Row, ...]: ...
@overload
def read(path: Path, kind: type[R]) -> tuple[R, ...]: ...
def read(path: Path, kind: type[Row] | type[Dropped] = Row) -> tuple[Row | Dropped, ...]:
    """Returns the rows of a JSONL file; raises what `stream` does."""
    return tuple(stream(path)) if kind is Row else tuple(stream(path, Dropped))


def decode(line: bytes, where: str) -> Row:
    """Returns the row of one line; raises MalformedRow, which begins with `where`."""
    return _row(_decoded(_decode_row, line, where))


def mend(path: Path) -> None:
    """Cuts off a last line that a killed writer left unfinished; what is whole is not written again."""
    if not path.is_file() or not (size := path.stat().st_size):
        return
    with path.open("rb") as file:
        end, block = size, b""
        while end and b"\n" not in block:
            start = max(end - (1 << 16), 0)
            file.seek(start)
            block, end = file.read(end - start), start
    whole = end + block.rfind(b"\n") + 1
    if whole < size:
        os.truncate(path, whole)


def _decoded(decoder: Callable[[bytes], D], line: bytes, where: str) -> D:
    try:
        return decoder(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRow(str(error), where, "rows follow DeSTA-AQA5M: messages and response") from None


def _row(read: _Row) -> Row:
    return Row(
        id=str(read.id),
        dataset=read.dataset or "",
        seed_description=read.seed_description or "",
        prompt=read.prompt or "",
        response=read.response,
        messages=tuple(
            RowMessage(
                role=message.role,
                content=message.content,
                audios=tuple(RowAudio(audio=clip.audio, text=clip.text or SILENT) for clip in message.audios or ()),
            )
            for message in read.messages
        ),
    )


def _tree(row: Row) -> dict[str, Any]:
    named = {name: value for name in ("id", "dataset", "seed_description", "prompt") if (value := getattr(row, name))}
    messages = [
        {"role": message.role, "content": message.content} | ({"audios": message.audios} if message.audios else {})
        for message in row.messages
    ]
    return {**named, "response": row.response, "messages": messages}
