"""Rows as examples: prompts and targets in token ids, made when they are asked for. Heavy: imports torch."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, overload

from earwitness.desta.model import Batch
from earwitness.desta.splice import MARK, Message, Spliced, Splicer
from earwitness.errors import InvalidInput, NotFound
from services.trainer import rows
from services.trainer.ears import Ears
from services.trainer.rows import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row in token ids."""

    prompt: Spliced
    target: tuple[int, ...]
    clips: tuple[Path, ...]

    @property
    def length(self) -> int:
        """Tokens of prompt and target together."""
        return len(self.prompt.ids) + len(self.target)


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """What is learned from, and what is only measured on."""

    train: Sequence[Example]
    held_out: Sequence[Example]


def example_from(row: Row, folder: Path, splicer: Splicer) -> Example:
    """Tokenises a row whose audio lies below `folder`.

    Raises InvalidInput, with the row, for marks and clips that do not match.
    """
    messages = [
        Message(
            role=cast(Any, message.role), content=message.content, audios=tuple(clip.audio for clip in message.audios)
        )
        for message in row.messages
    ]
    audios = [clip for message in row.messages for clip in message.audios]
    try:
        prompt = splicer.splice(messages, [clip.text for clip in audios])
    except InvalidInput as error:
        raise InvalidInput(error.message, f"row {row.id}: {error.field}", error.remedy) from None
    return Example(
        prompt=prompt, target=splicer.target_ids(row.response), clips=tuple(folder / clip.audio for clip in audios)
    )


def examples_from(found: Sequence[Row], folder: Path, splicer: Splicer) -> list[Example]:
    """Tokenises rows at once; see `example_from`."""
    return [example_from(row, folder, splicer) for row in found]


class RowExamples(Sequence[Example]):
    """The examples of a file of rows of any size: 18 bytes a row stay in memory, and a row is tokenised when it is due.

    Every row is read once at the start, so that one that breaks the format ends the run then and not a week later.
    """

    def __init__(self, path: Path, folder: Path, splicer: Splicer) -> None:
        """Looks through the file.

        Raises NotFound for a missing one, MalformedRow with file and line for a row that breaks the format,
        InvalidInput with the row for marks and clips that differ in number.
        """
        self._path, self._folder, self._splicer = path, folder, splicer
        self._starts = array("Q")
        self.lengths = array("L")
        """Characters of each row's conversation and answer: what its tokens grow with."""
        self.num_clips = array("H")
        if not path.is_file():
            raise NotFound(
                "there is no such file of training rows", str(path), "make it with `earwitness train distil`"
            )
        start = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    self._add(start, rows.decode(line, f"{path.name}:{number}"))
                start += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        with self._path.open("rb") as file:
            file.seek(self._starts[index])
            row = rows.decode(file.readline(), self._path.name)
        return example_from(row, self._folder, self._splicer)

    def __iter__(self) -> Iterator[Example]:
        return (self[at] for at in range(len(self)))

    def _add(self, start: int, row: Row) -> None:
        for index, message in enumerate(row.messages):
            if message.content.count(MARK) != len(message.audios):
                text = f"{message.content.count(MARK)} {MARK} for {len(message.audios)} clips"
                where = f"row {row.id}: messages[{index}].content"
                raise InvalidInput(text, where, f"write one {MARK} for each clip of the message")
        spoken = sum(len(clip.text) for message in row.messages for clip in message.audios)
        said = sum(len(message.content) for message in row.messages)
        self._starts.append(start)
        self.lengths.append(len(row.response) + said + spoken)
        self.num_clips.append(sum(len(message.audios) for message in row.messages))


def lengths_of(examples: Sequence[Example]) -> Sequence[int]:
    """Returns what batches are put together by: tokens, or characters where rows are not tokenised yet."""
    return examples.lengths if isinstance(examples, RowExamples) else [example.length for example in examples]


def all_have_clips(examples: Sequence[Example]) -> bool:
    """Says whether every example has a clip, so that the connector has a part in every pass."""
    if isinstance(examples, RowExamples):
        return all(examples.num_clips)
    return all(example.clips for example in examples)


def batch_of(examples: Sequence[Example], ears: Ears) -> Batch:
    """Makes a batch, its clips heard."""
    return Batch(
        prompts=[example.prompt for example in examples],
        targets=[example.target for example in examples],
        taps=ears.hear([clip for example in examples for clip in example.clips]),
    )
