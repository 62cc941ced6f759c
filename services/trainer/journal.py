"""The journal of a distillation: the rows that are kept, and beside them the answers that were dropped.

Answers are appended as they come, whole or not at all. At the end both files take the order of the tasks, so that the
same answers are the same bytes whatever came first. It knows no language model. Memory holds ids and places, not rows.
"""

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from earwitness.errors import InvalidInput, MalformedRow
from services.trainer import rows
from services.trainer.filters import TRUNCATED
from services.trainer.tasks import Task

DROPPED = ".dropped.jsonl"


class _Entry(msgspec.Struct):
    """What of a line tells whose it is."""

    id: str
    seed_description: str = ""
    reason: str = ""
    max_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """Which tasks the files answer."""

    kept: frozenset[str]
    dropped: Mapping[str, str]
    """With the rule that each answer broke."""


class Journal:
    """The files of one split."""

    def __init__(self, path: Path) -> None:
        """`path` is the file of rows; that of dropped answers stands beside it."""
        self.path = path
        self.dropped_path = path.with_suffix(DROPPED)

    def open(self, tasks: Sequence[Task], max_tokens: int) -> Settled:
        """Mends the files, makes those that are missing, and returns what of the tasks they answer.

        An answer that was cut counts unless the limit has grown since. Raises InvalidInput for a row about another clip
        than its task's, MalformedRow for one without an id.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in (self.path, self.dropped_path):
            path.touch()
            rows.mend(path)
        about = {task.id: task.sample.description for task in tasks}
        kept = self._answered(self.path, about)
        dropped = {
            entry.id: entry.reason
            for entry in self._answered(self.dropped_path, about).values()
            if entry.id not in kept and (entry.reason != TRUNCATED or entry.max_tokens >= max_tokens)
        }
        return Settled(kept=frozenset(kept), dropped=dropped)

    def append(self, settled: Sequence[rows.Row | rows.Dropped]) -> list[None]:
        """Writes answers down."""
        rows.append(self.path, [each for each in settled if isinstance(each, rows.Row)])
        rows.append(self.dropped_path, [each for each in settled if isinstance(each, rows.Dropped)])
        return [None] * len(settled)

    def arrange(self, tasks: Sequence[Task]) -> None:
        """Puts both files into the order of the tasks; what no task asks for any more comes last.

        Each file is the old one or the new one, whole. A dropped answer goes where the same task has a row by now.
        """
        kept = _places(self.path)
        dropped = {name: place for name, place in _places(self.dropped_path).items() if name not in kept}
        for path, places in ((self.path, kept), (self.dropped_path, dropped)):
            asked = [task.id for task in tasks if task.id in places]
            _rewrite(path, [places[name] for name in dict.fromkeys([*asked, *places])])

    def _answered(self, path: Path, about: dict[str, str]) -> dict[str, _Entry]:
        answered: dict[str, _Entry] = {}
        for entry, _ in _entries(path):
            if (description := about.get(entry.id)) is None:
                continue
            if entry.seed_description != description:
                text = f"{entry.id} is about another clip than that of the manifest"
                raise InvalidInput(text, str(path), "distil another corpus into another folder")
            answered[entry.id] = entry
        return answered


def _entries(path: Path) -> Iterator[tuple[_Entry, tuple[int, int]]]:
    """Yields what is known of each line, and where the line begins and ends."""
    decode = msgspec.json.Decoder(_Entry).decode
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield decode(line), (start, start + len(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise MalformedRow(str(error), f"{path.name}:{number}", "distil into another folder") from None
            start += len(line)


def _places(path: Path) -> dict[str, tuple[int, int]]:
    """Returns where each id's last line is, in the order of the first ones."""
    return {entry.id: place for entry, place in _entries(path)}


def _rewrite(path: Path, places: Sequence[tuple[int, int]]) -> None:
    if not path.stat().st_size:
        return
    scratch = path.with_suffix(".tmp")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as old,
        scratch.open("wb") as new,
    ):
        new.writelines(old[start:end] for start, end in places)
        new.flush()
        os.fsync(new.fileno())
    scratch.replace(path)
