"""The manifest: a JSONL file with one row a clip, and what is known of the clip.

It knows the rows, not the sound: whether an audio file is there, and what it holds, is found when it is decoded.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from earwitness.errors import MalformedRow, NotFound

Kind = Literal["speech", "sound", "music", "mix"]
Split = Literal["train", "held_out"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_FIELD = re.compile(r" - at `\$\.([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A clip and what is known of it."""

    id: _Text
    """Its own in the manifest."""
    audio: _Text
    """The audio file, relative to the manifest's folder."""
    transcript: str
    """All spoken words; "" where there are none."""
    description: _Text
    """What is heard when, as `services.trainer.description` writes it; other corpora may say it in their own way."""
    kind: Kind
    split: Split
    seconds: Annotated[float, msgspec.Meta(gt=0)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the decoded clip, as `earwitness.audio.Clip` has it: not of the file."""


def encode(sample: Sample) -> bytes:
    """Returns the row with its line break: the same sample, the same bytes."""
    return msgspec.json.encode(sample) + b"\n"


def write(path: Path, samples: Iterable[Sample]) -> None:
    """Writes the manifest at `path`, in place of any that is there."""
    path.write_bytes(b"".join(encode(sample) for sample in samples))


def read(path: Path) -> tuple[Sample, ...]:
    """Returns the samples of the manifest at `path` in their order; blank lines are skipped.

    Raises:
        NotFound: there is no such file.
        MalformedRow: a row is no JSON, lacks a field, has one of another type, or repeats an id; the error's field
            reads `file:line: field`.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound("there is no manifest", str(path), "check the path, or build a corpus") from error
    samples: dict[str, Sample] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path.name}:{number}"
        sample = _decode(line, place)
        if sample.id in samples:
            raise MalformedRow(
                f"{sample.id!r} is the id of an earlier row", f"{place}: id", "give every row its own id"
            )
        samples[sample.id] = sample
    return tuple(samples.values())


def _decode(line: bytes, place: str) -> Sample:
    try:
        return msgspec.json.decode(line, type=Sample)
    except msgspec.ValidationError as error:
        missing = _MISSING.search(str(error))
        found = missing or _FIELD.search(str(error))
        what = "it is missing" if missing else _FIELD.sub("", str(error))
        where = f"{place}: {found[1]}" if found else place
        raise MalformedRow(
            what[:1].lower() + what[1:], where, f"a row is a {Sample.__qualname__} of {__name__}"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRow(f"this is no JSON: {error}", place, "check brackets, quotes and that it is UTF-8") from error
