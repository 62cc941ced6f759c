"""The manifest: a JSONL file with one row a clip, and what is known of the clip.

A row needs `audio` and something to say of it: a `description` as it stands, or `transcript`, `attributes` and timed
`events`, of which the description is made. All else has a default, so that metadata of any origin is soon a manifest:

    {"audio": "a.wav", "seconds": 2.1, "transcript": "Excuse me?", "attributes": {"Gender": "Female"}}
    {"audio": "b.wav", "events": [{"start_s": 0, "end_s": 4, "attributes": {"dog barking": ""}}]}

The module knows the rows, not the sound: whether an audio file is there, and what it holds, is found when it is read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.trainer.description import Event, describe, parse

Kind = Literal["speech", "sound", "music", "mix"]
Split = Literal["train", "held_out"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SPLITS: tuple[Split, ...] = get_args(Split)

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Attributes = dict[str, str | int | float | bool | None]
_FIELD = re.compile(r" - at `\$\.([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]*)`")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A clip and what is known of it."""

    id: str
    """Its own in the manifest."""
    audio: str
    """The audio file, relative to the manifest's folder."""
    transcript: str
    """All spoken words; "" where there are none."""
    description: str
    """What is heard when, as `services.trainer.description` writes it; other corpora may say it in their own way."""
    kind: Kind
    split: Split
    seconds: float
    """0 where the manifest does not say."""
    sha256: str
    """Of the decoded clip, as `earwitness.audio.Clip` has it: not of the file. "" where the manifest does not say."""
    events: tuple[Event, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is known of the clip as a whole."""
    dataset: str = ""
    licence: str = ""
    """An SPDX identifier."""
    source: str = ""
    """Where the clip is from, and whom it is owed to."""

    def attribute(self, name: str) -> str:
        """Returns what is known under a name, of the clip or of its first event that has it; "" is unknown."""
        known = (self.attributes, *(event.attributes for event in self.events))
        return next((attributes[name] for attributes in known if name in attributes), "")

    def known(self) -> set[str]:
        """Returns the names under which something is known."""
        return {*self.attributes, *(name for event in self.events for name in event.attributes)}


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    start_s: _Seconds
    end_s: _Seconds
    transcript: str = ""
    attributes: _Attributes = {}


class _Row(msgspec.Struct):
    """A row as it may be written; keys of other names are left alone."""

    audio: _Text
    id: _Text | None = None
    transcript: str = ""
    description: str = ""
    kind: Kind | None = None
    split: Split = "train"
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""
    events: tuple[_Event, ...] = ()
    attributes: _Attributes = {}
    dataset: str = ""
    licence: str = ""
    source: str = ""


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
        MalformedRow: a row is no JSON, lacks a field, has one of another type, says nothing of its clip, or repeats an
            id; the error's field reads `file:line: field`.
    """
    return tuple(stream(path))


def stream(path: Path) -> Iterator[Sample]:
    """Yields the samples one by one; raises what `read` does."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound("there is no manifest", str(path), "check the path, or build a corpus") from error
    seen: set[str] = set()
    with file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            place = f"{path.name}:{number}"
            sample = _completed(_decode(line, place), place)
            if sample.id in seen:
                raise MalformedRow(
                    f"{sample.id!r} is the id of an earlier row", f"{place}: id", "give every row its own id"
                )
            seen.add(sample.id)
            yield sample


def _decode(line: bytes, place: str) -> _Row:
    try:
        return msgspec.json.decode(line, type=_Row)
    except msgspec.ValidationError as error:
        missing, inside = _MISSING.search(str(error)), _FIELD.search(str(error))
        what = "it is missing" if missing else _FIELD.sub("", str(error))
        where = ".".join(found[1] for found in (inside, missing) if found)
        place = f"{place}: {where}" if where else place
        raise MalformedRow(what[:1].lower() + what[1:], place, "docs/distil.md shows a row") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRow(f"this is no JSON: {error}", place, "check brackets, quotes and that it is UTF-8") from error


def _completed(row: _Row, place: str) -> Sample:
    """Returns the row with what follows from the rest of it."""
    events = tuple(
        Event(
            start_s=event.start_s, end_s=event.end_s, transcript=event.transcript, attributes=_known(event.attributes)
        )
        for event in row.events
    ) or _parsed(row.description)
    attributes = _known(row.attributes)
    transcript = row.transcript or " ".join(event.transcript for event in events if event.transcript)
    try:
        description = row.description or describe(_whole(events, transcript, attributes, row.seconds), exact=False)
    except InvalidInput as error:
        raise MalformedRow(error.message, f"{place}: events", error.remedy) from None
    if not description:
        raise MalformedRow(
            "nothing is said of the clip", f"{place}: description", "or give events, or seconds with more"
        )
    return Sample(
        id=row.id or row.audio,
        audio=row.audio,
        transcript=transcript,
        description=description,
        kind=row.kind or ("speech" if transcript else "sound"),
        split=row.split,
        seconds=row.seconds,
        sha256=row.sha256,
        events=events,
        attributes=attributes,
        dataset=row.dataset,
        licence=row.licence,
        source=row.source,
    )


def _whole(
    events: tuple[Event, ...], transcript: str, attributes: Mapping[str, str], seconds: float
) -> tuple[Event, ...]:
    """Returns the events with what is known of the whole clip: in the only one, or in one of their own before several.

    Without events there is nothing to return unless the clip's length is known.
    """
    spoken = "" if any(event.transcript for event in events) else transcript
    end_s = max((seconds, *(event.end_s for event in events)))
    if len(events) == 1:
        (only,) = events
        merged = {**attributes, **only.attributes}
        return (Event(start_s=only.start_s, end_s=only.end_s, transcript=only.transcript or spoken, attributes=merged),)
    if not end_s or not (spoken or attributes):
        return events
    return (Event(start_s=0, end_s=end_s, transcript=spoken, attributes=attributes), *events)


def _known(attributes: _Attributes) -> dict[str, str]:
    """Returns what is known: null is not, and false is said as "no"."""
    said = {True: "yes", False: "no"}
    return {
        name: said[value] if isinstance(value, bool) else str(value)
        for name, value in attributes.items()
        if value is not None
    }


def _parsed(description: str) -> tuple[Event, ...]:
    """Returns the events of a description in DeSTA-AQA5M's form, none of one in another."""
    try:
        return parse(description)
    except InvalidInput:
        return ()
