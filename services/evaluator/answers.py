"""The answers of one run, as a file: one JSON line for each item, in the benchmark's order.

The file is a function of the answers alone, byte for byte. It holds all that is needed to judge an answer or to score
it again; of a clip it holds the hash.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.items import Answer, Item
from services.evaluator.scoring import Score

FOLDER = "answers"
"""Of a results folder: where its runs' answers lie."""
_NOWHERE = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemResult:
    """One item with its answer and score: all that a reader needs to judge them."""

    id: str
    question: str
    choices: tuple[str, ...]
    """As they were put to the model."""
    gold: str | None
    groups: dict[str, str]
    answer: Answer
    score: Score
    caption: str = ""
    """What the cascade told the backbone about the clip."""
    audio_sha256: str = ""
    known_bad: str = ""
    """Why the item is known to be wrong; "" for a sound one."""

    @property
    def item(self) -> Item:
        """The item, to be scored again; where its clip lay is not known any more."""
        return Item(id=self.id, question=self.question, choices=self.choices, answer=self.gold, groups=self.groups)


class Sheet:
    """Takes the items of a run in any order and writes them in the benchmark's, in memory that does not grow with them.

    Use it as a context manager: what `finish` has not made whole is gone at the end.
    """

    def __init__(self, path: Path, num_items: int) -> None:
        self._path = path
        self._spool_path = path.with_name(f".{path.name}.spool")
        self._places = array("q", [_NOWHERE]) * num_items
        self._end = 0
        self._encoder = msgspec.json.Encoder()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._spool = self._spool_path.open("w+b", buffering=1 << 18)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._spool.close()
        self._spool_path.unlink(missing_ok=True)

    def add(self, position: int, result: ItemResult) -> None:
        """Takes the item at a position in the benchmark, counted from 0."""
        line = self._encoder.encode(result) + b"\n"
        self._spool.write(line)
        self._places[position] = self._end
        self._end += len(line)

    def finish(self) -> None:
        """Writes the file, whole or not at all; raises InvalidInput if an item is missing."""
        missing = sum(place == _NOWHERE for place in self._places)
        if missing:
            remedy = "finish the run, and record failed calls as failed answers"
            raise InvalidInput(f"{missing} of {len(self._places)} items have no answer", "answers", remedy)
        scratch = self._path.with_name(f".{self._path.name}.partial")
        with scratch.open("wb", buffering=1 << 18) as file:
            for place in self._places:
                self._spool.seek(place)
                file.write(self._spool.readline())
        scratch.replace(self._path)


def read(path: Path) -> Iterator[ItemResult]:
    """Yields a run's items; raises NotFound for a missing file and InvalidInput for a line that is none of ours."""
    decoder = msgspec.json.Decoder(ItemResult)
    try:
        with path.open("rb", buffering=1 << 18) as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError as error:
                    remedy = "run again: the ledger has the answers"
                    raise InvalidInput(f"this is no answer: {error}", f"{path.name}:{number}", remedy) from None
    except FileNotFoundError:
        raise NotFound("the run's answers are gone", str(path), "run again: the ledger has the answers") from None
