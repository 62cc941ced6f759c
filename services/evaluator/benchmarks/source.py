"""A data file as a sequence of items: JSONL of any size in flat memory, a JSON list held whole.

A JSONL file is checked in one pass, which keeps the place of each row and nothing of it (16 bytes a row while it runs,
8 afterwards); items are decoded again as they are read. Formats are the business of the modules beside this one.
"""

import codecs
import hashlib
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, overload

import msgspec

from earwitness.errors import MalformedRow, NotFound, NotReady
from services.evaluator.benchmarks.rows import decode
from services.evaluator.items import Item

Row = TypeVar("Row", bound=msgspec.Struct)
MakeItem = Callable[[Path, str, Row], Item]
"""From the file's folder, the row's place (`file:line`) and the row to its item; raises `MalformedRow`."""
_BUFFER = 1 << 20
_ROWS_BETWEEN_LOOKS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a data file was found to hold."""

    items: Sequence[Item]
    sha256: str
    """Of the whole file, hex."""
    has_audio: bool = False


def read_json(path: Path, kind: type[Row], make_item: MakeItem[Row]) -> Reading:
    """Returns the checked items of a JSONL file, or of a file that is one JSON list.

    Raises `NotFound` if there is no such file, and `MalformedRow` for a row that breaks the format or an id that comes
    twice.
    """
    if is_list(path):
        return _read_list(path, kind, make_item)
    decoder = msgspec.json.Decoder(kind)
    folder = path.parent
    return _read_lines(path, lambda line, place: make_item(folder, place, decode(line, decoder, place)))


def is_list(path: Path) -> bool:
    """Tells whether the file is one JSON list, by its first character; raises `NotFound`."""
    with open_file(path) as file:
        return file.read(_BUFFER).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")


def open_file(path: Path) -> BinaryIO:
    """Opens the file for reading; raises `NotFound` if there is none."""
    try:
        return path.open("rb", buffering=_BUFFER)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFound(f"there is no file {path}", "path", "check the path") from error
    except PermissionError as error:
        raise NotReady(f"{path} cannot be read: {error.strerror}", "path", "check its permissions") from error


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JsonLines(Sequence[Item]):
    """The items of a JSONL file that was checked, decoded as they are read; `NotReady` once the file is another."""

    path: Path
    make: Callable[[bytes, str], Item]
    """From a line and its place to the item."""
    offsets: "array[int]"
    """Of each row's first byte."""
    size: int
    modified_ns: int

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        """Reads one item from the disk, or several; going through all of them is for iteration."""
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        offset = self.offsets[index]
        with self._opened() as file:
            file.seek(offset)
            return self.make(file.readline(), f"{self.path.name}:item {index}")

    def __iter__(self) -> Iterator[Item]:
        """Streams through the file once."""
        if not self.offsets:
            return
        with self._opened() as file:
            file.seek(self.offsets[0])
            for index, line in enumerate(line for line in file if not line.isspace()):
                if index % _ROWS_BETWEEN_LOOKS == 0:
                    self._check(file)
                yield self.make(line, f"{self.path.name}:item {index}")

    def _opened(self) -> BinaryIO:
        try:
            file = open_file(self.path)
        except NotFound:
            raise self._changed() from None
        try:
            self._check(file)
        except NotReady:
            file.close()
            raise
        return file

    def _check(self, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.modified_ns):
            raise self._changed()

    def _changed(self) -> NotReady:
        return NotReady(f"{self.path} changed while it was in use", "path", "start again with the file as it is now")


def _read_lines(path: Path, make: Callable[[bytes, str], Item]) -> Reading:
    digest, has_audio = hashlib.sha256(), False
    offsets, hashes = array("Q"), array("q")
    with open_file(path) as file:
        before = os.fstat(file.fileno())
        for place, offset, row in _rows(path.name, file, digest.update):
            item = make(row, place)
            offsets.append(offset)
            hashes.append(hash(item.id))
            has_audio = has_audio or item.audio is not None
    items = JsonLines(path=path, make=make, offsets=offsets, size=before.st_size, modified_ns=before.st_mtime_ns)
    _refuse_repeated(hashes, lambda: _placed(path, make))
    return Reading(items=items, sha256=digest.hexdigest(), has_audio=has_audio)


def _rows(name: str, file: BinaryIO, seen: Callable[[bytes], object]) -> Iterator[tuple[str, int, bytes]]:
    """Yields place, offset and content of every line that is not blank; `seen` gets every byte."""
    position = 0
    for number, line in enumerate(file, start=1):
        seen(line)
        row = line if number > 1 else line.removeprefix(codecs.BOM_UTF8)
        if row and not row.isspace():
            yield f"{name}:{number}", position + len(line) - len(row), row
        position += len(line)


def _placed(path: Path, make: Callable[[bytes, str], Item]) -> Iterator[tuple[str, Item]]:
    with open_file(path) as file:
        for place, _, row in _rows(path.name, file, len):
            yield place, make(row, place)


def _read_list(path: Path, kind: type[Row], make_item: MakeItem[Row]) -> Reading:
    with open_file(path) as file:
        content = file.read()
    decoder = msgspec.json.Decoder(kind)
    raws = decode(content.removeprefix(codecs.BOM_UTF8), msgspec.json.Decoder(list[msgspec.Raw]), path.name)
    places = [f"{path.name}:row {index}" for index in range(len(raws))]
    items = tuple(
        make_item(path.parent, place, decode(raw, decoder, place)) for place, raw in zip(places, raws, strict=True)
    )
    _refuse_repeated(array("q", (hash(item.id) for item in items)), lambda: zip(places, items, strict=True))
    has_audio = any(item.audio is not None for item in items)
    return Reading(items=items, sha256=hashlib.sha256(content).hexdigest(), has_audio=has_audio)


def _refuse_repeated(hashes: "array[int]", placed: Callable[[], Iterable[tuple[str, Item]]]) -> None:
    """Raises `MalformedRow` on an id that comes twice; the ids are looked at only where their hashes repeat."""
    import numpy as np

    sorted_ = np.frombuffer(hashes, dtype=np.int64).copy()
    sorted_.sort()
    repeated = set(sorted_[1:][sorted_[1:] == sorted_[:-1]].tolist())
    if not repeated:
        return
    first: dict[str, str] = {}
    for place, item in placed():
        if hash(item.id) not in repeated:
            continue
        if item.id in first:
            message = f"the id '{item.id}' was already used at {first[item.id]}"
            raise MalformedRow(message, f"{place}: id", "give every row its own id")
        first[item.id] = place
