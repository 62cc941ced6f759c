"""An index of a run's answers file: where each item's line begins, and what items are chosen by.

A page of a hundred thousand answers reads the index, a few bytes an item, and the lines that it shows. Indexes stand in
the cache folder (`earwitness.home`), where all can be made again, under the file's path, size and time of change.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from earwitness.errors import InvalidInput, NotFound
from earwitness.home import home
from services.evaluator.answers import ItemResult
from services.evaluator.failures import kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION = 2


class _Score(msgspec.Struct):
    votes: dict[str, int]


class _Answer(msgspec.Struct):
    error: str = ""


class _Line(msgspec.Struct):
    """What of a line the index is made from."""

    id: str
    groups: dict[str, str]
    score: _Score
    answer: _Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """What is known of an answers file without reading it."""

    path: Path
    stamp: str
    """The file's path, size and time of change, hashed."""
    offsets: "NDArray[np.int64]"
    """Of each item's first byte, of shape `(items,)`."""
    ids: "NDArray[np.uint64]"
    """Of each item's id, the beginning of its SHA-256."""
    split: "NDArray[np.bool_]"
    """Whether two extractors read different options from the answer."""
    groups: "Mapping[str, tuple[Sequence[str], NDArray[np.int32]]]"
    """By key: the groups' names, and which of them each item is in, -1 for none."""
    errors: "tuple[Sequence[str], NDArray[np.int32]]"
    """The same for kinds of failure: see `services.evaluator.failures`."""

    def __len__(self) -> int:
        return len(self.offsets)

    def read(self, places: Sequence[int]) -> list[ItemResult]:
        """Returns the items at some places, from 0; raises NotFound for a file that is gone or another by now."""
        decoder = msgspec.json.Decoder(ItemResult)
        try:
            with self.path.open("rb") as file:
                found: list[ItemResult] = []
                for place in places:
                    file.seek(int(self.offsets[place]))
                    found.append(decoder.decode(file.readline()))
                return found
        except (OSError, msgspec.DecodeError):
            raise NotFound(
                "the answers file is gone, or another by now", self.path.name, "load the page anew"
            ) from None

    def place_of(self, id: str) -> int:
        """Returns where an item stands, from 0; raises NotFound."""
        import numpy as np

        for place in np.flatnonzero(self.ids == _short(id)).tolist():
            if self.read([place])[0].id == id:
                return place
        raise NotFound("the benchmark has no such item", "id", "choose one of the list")


def open_index(path: Path, known: Index | None = None) -> Index:
    """Returns the index of an answers file: `known` if it still holds, else from the cache, else made.

    Raises NotFound for a missing file and InvalidInput for one that holds no answers.
    """
    try:
        status = path.stat()
    except OSError:
        raise NotFound("the run's answers are gone", path.name, "run again: the ledger has the answers") from None
    name = f"{VERSION}\0{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}"
    stamp = hashlib.sha256(name.encode()).hexdigest()
    if known and known.stamp == stamp:
        return known
    place = home() / "web" / "indexes" / f"{stamp}.npz"
    return _load(path, stamp, place) or _make(path, stamp, place)


def _load(path: Path, stamp: str, place: Path) -> Index | None:
    import numpy as np

    try:
        with np.load(place, allow_pickle=False) as kept:
            labels: dict[str, list[str]] = msgspec.json.decode(kept["labels"].tobytes())
            keys = [key for key in labels if key]
            return Index(
                path=path,
                stamp=stamp,
                offsets=kept["offsets"],
                ids=kept["ids"],
                split=kept["split"],
                groups={key: (labels[key], kept[f"group{at}"]) for at, key in enumerate(keys)},
                errors=(labels[""], kept["errors"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError):
        return None  # none yet, or one that a full disk cut short


def _make(path: Path, stamp: str, place: Path) -> Index:
    import numpy as np

    decoder = msgspec.json.Decoder(_Line)
    offsets: list[int] = []
    ids: list[int] = []
    split: list[bool] = []
    groups = _Labels()
    kinds: dict[str, int] = {}
    errors: list[int] = []
    at = 0
    with path.open("rb", buffering=1 << 20) as file:
        for number, raw in enumerate(file):
            try:
                line = decoder.decode(raw)
            except msgspec.DecodeError as error:
                raise InvalidInput(f"this is no answer: {error}", f"{path.name}:{number + 1}") from None
            offsets.append(at)
            at += len(raw)
            ids.append(_short(line.id))
            split.append(len(set(line.score.votes.values())) > 1)
            groups.add(number, line.groups)
            errors.append(_kind(line.answer.error, kinds))
    index = Index(
        path=path,
        stamp=stamp,
        offsets=np.array(offsets, np.int64),
        ids=np.array(ids, np.uint64),
        split=np.array(split, np.bool_),
        groups=groups.columns(len(offsets)),
        errors=(list(kinds), np.array(errors, np.int32)),
    )
    _keep(index, place)
    return index


class _Labels:
    """Collects the groups of items."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, int]] = {}
        self._codes: dict[str, list[int]] = {}

    def add(self, place: int, groups: Mapping[str, str]) -> None:
        """Takes an item's groups."""
        for key, label in groups.items():
            names, codes = self._names.setdefault(key, {}), self._codes.setdefault(key, [])
            codes.extend([-1] * (place - len(codes)))
            codes.append(names.setdefault(label, len(names)))

    def columns(self, num_items: int) -> "dict[str, tuple[Sequence[str], NDArray[np.int32]]]":
        """Returns names and codes by key."""
        import numpy as np

        padded = {key: codes + [-1] * (num_items - len(codes)) for key, codes in self._codes.items()}
        return {key: (list(self._names[key]), np.array(codes, np.int32)) for key, codes in padded.items()}


def _kind(error: str, kinds: dict[str, int]) -> int:
    """Returns the number of an error's kind; -1 for no error."""
    return kinds.setdefault(kind_of(error, kinds), len(kinds)) if error else -1


def _keep(index: Index, place: Path) -> None:
    """Writes an index into the cache; one that cannot be written is made again."""
    import numpy as np

    labels = {key: list(names) for key, (names, _) in index.groups.items()} | {"": list(index.errors[0])}
    arrays: dict[str, Any] = {f"group{at}": codes for at, (_, codes) in enumerate(index.groups.values())}
    arrays |= {name: getattr(index, name) for name in ("offsets", "ids", "split")}
    arrays |= {"errors": index.errors[1], "labels": np.frombuffer(msgspec.json.encode(labels), np.uint8)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    scratch = place.with_suffix(".partial")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(buffer.getvalue())
        scratch.replace(place)
    except OSError:
        scratch.unlink(missing_ok=True)


def _short(id: str) -> int:
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "little")
