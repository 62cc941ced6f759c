"""AuditoryBench as its authors publish it, asked as multiple choice: what text alone teaches about pitch and animals.

The two test files (github.com/HJ-Ok/AudioBERT, folder dataset, MIT) are CSV: sentences in which `[MASK]` stands for
"higher" or "lower", or for an animal. The original task is to fill the mask in; the animals to choose from are ours,
and so is what keeps the choice fair (`_rivals`). An item's id and options follow from its own row and from which
animals the file has, never from the order of the rows. Rows that come more than once are all kept.
"""

import csv
import hashlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import MalformedRow
from services.evaluator.benchmarks.kinds import akin, is_anything
from services.evaluator.benchmarks.rows import make_item
from services.evaluator.benchmarks.source import Reading, open_file
from services.evaluator.items import Item

ANIMAL_BREAKDOWNS = ("sentence",)
"""55 sentences name the animal that they ask for ("The sound of crickets ... a [MASK]"): they need no knowledge."""
MASK = "[MASK]"
PITCHES = ("higher", "lower")
NUM_RIVALS = 3
SEED = "auditorybench-1"
"""Changing it changes every item's options, so it is part of what the options are."""
_EMPTY_WORDS = frozenset(
    ("a", "an", "and", "call", "calls", "his", "in", "is", "its", "like", "make", "noise", "noises", "of", "sound")
) | {"sounds", "that", "the", "to", "with"}
_STEM = 4
"""Letters: "chirp", "chirps" and "chirping" are then one word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    place: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    @property
    def key(self) -> str:
        return "\x1f".join(self.cells.values())


def read_pitch(path: Path) -> Reading:
    """Returns the items about pitch, two options each; raises `NotFound` and `MalformedRow`."""
    rows, sha256 = _read(path, ("sentence", "answer"))
    items: list[Item] = []
    for row, id in zip(rows, _ids("pitch", rows), strict=True):
        if row["answer"] not in PITCHES:
            raise MalformedRow(f"'{row['answer']}'", f"{row.place}: answer", f"give {' or '.join(PITCHES)}")
        question = f"Which word belongs in the place of {MASK}? {_sentence(row)}"
        items.append(
            make_item(
                row.place, id=id, question=question, choices=_placed(row, PITCHES), answer=row["answer"], groups={}
            )
        )
    return Reading(items=tuple(items), sha256=sha256)


def read_animal(path: Path) -> Reading:
    """Returns the items about animals, four options each; raises `NotFound` and `MalformedRow`."""
    rows, sha256 = _read(path, ("animal", "description", "sentence"))
    described: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        described[row["animal"]] |= _marks(row["description"])
    items: list[Item] = []
    for row, id in zip(rows, _ids("animal", rows), strict=True):
        animal = row["animal"]
        named = animal.casefold() in row["sentence"].casefold()
        items.append(
            make_item(
                row.place,
                id=id,
                question=f"Which animal belongs in the place of {MASK}? {_sentence(row)}",
                choices=_placed(row, (animal, *_rivals(row, described))),
                answer=animal,
                groups={"sentence": "names the animal" if named else "does not name the animal"},
            )
        )
    return Reading(items=tuple(items), sha256=sha256)


def _rivals(row: _Row, described: dict[str, set[str]]) -> list[str]:
    """Returns the wrong options: animals that no row of the file credits with such a sound.

    Many sounds fit several animals: 120 of the test file's descriptions stand beside more than one. So a rival shares
    no telling word of this description in any of its rows, is neither kind nor kin of the right animal or of another
    rival (`kinds`), and is no word for animals at large. Rivals are ranked by a hash of the row and their name.

    What no rule can mend: 25 rows ask for a word such as "animal", which every rival is too.
    """
    animal, marks = row["animal"], _marks(row["description"])
    fit = [other for other, theirs in described.items() if not marks & theirs and not is_anything(other)]
    chosen = [animal]
    for other in _ranked(f"{row.key}\x1frival", fit):
        if len(chosen) > NUM_RIVALS:
            break
        if not any(akin(other, taken) for taken in chosen):
            chosen.append(other)
    if len(chosen) <= NUM_RIVALS:
        message = f"only {len(chosen) - 1} animals of the file differ enough from '{animal}' in their sounds"
        raise MalformedRow(message, f"{row.place}: animal", "give a file with more animals")
    return chosen[1:]


def _marks(description: str) -> set[str]:
    """Returns the description, which no rival may share, and the stems of its telling words."""
    words = re.findall(r"[^\W\d_]+", description.casefold())
    return {f"={' '.join(words)}", *(word[:_STEM] for word in words if word not in _EMPTY_WORDS)}


def _placed(row: _Row, options: Sequence[str]) -> list[str]:
    return _ranked(f"{row.key}\x1fplace", options)


def _ranked(key: str, names: Iterable[str]) -> list[str]:
    """Returns the names in an order that the key alone decides, which adding a name does not change."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{SEED}\x1f{key}\x1f{name}".encode()).digest())


def _ids(task: str, rows: Sequence[_Row]) -> list[str]:
    """Returns ids by content; equal rows are numbered, since they cannot be told apart."""
    seen: Counter[str] = Counter()
    ids: list[str] = []
    for row in rows:
        seen[row.key] += 1
        id = f"{task}-{hashlib.sha256(row.key.encode()).hexdigest()[:16]}"
        ids.append(id if seen[row.key] == 1 else f"{id}-{seen[row.key]}")
    return ids


def _sentence(row: _Row) -> str:
    if row["sentence"].count(MASK) != 1:
        raise MalformedRow(f"it has {row['sentence'].count(MASK)} {MASK}", f"{row.place}: sentence", "write one")
    return row["sentence"]


def _read(path: Path, columns: Sequence[str]) -> tuple[list[_Row], str]:
    """Returns the rows, with the named columns without outer blanks, and the file's SHA-256."""
    with open_file(path) as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise MalformedRow("this is no UTF-8", f"{path.name}:{line}", "save the file as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[_Row] = []
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            place, line = f"{path.name}:{line}", reader.line_num + 1
            if not header:
                header = _header(cells, columns, place)
            elif cells:
                rows.append(_Row(place=place, cells=_cells(cells, header, columns, place)))
    except csv.Error as error:
        raise MalformedRow(f"this is no CSV: {error}", f"{path.name}:{line}", "check the quotes") from error
    return rows, hashlib.sha256(content).hexdigest()


def _header(cells: list[str], columns: Sequence[str], place: str) -> list[str]:
    for column in columns:
        if column not in cells:
            raise MalformedRow("there is no such column", f"{place}: {column}", "give the file with its header")
    return cells


def _cells(cells: list[str], header: list[str], columns: Sequence[str], place: str) -> dict[str, str]:
    if len(cells) != len(header):
        message = f"{len(cells)} cells under {len(header)} columns"
        raise MalformedRow(message, place, "quote every cell that has a comma or a line break")
    named = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    for column in columns:
        if not named[column]:
            raise MalformedRow("it is blank", f"{place}: {column}", "fill it in, or leave the row out")
    return {column: named[column] for column in columns}
