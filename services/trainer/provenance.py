"""What a folder of targets was made with, written into it: `distil.json`.

Targets of two backbones, pools or ways to sample are no one data set: a folder takes what it was begun with alone.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import Sampling
from services.trainer import filters
from services.trainer.instructions import Pool

FILE = "distil.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Everything that the targets of a manifest depend on."""

    backbone: Identity
    sampling: Sampling
    """`max_tokens` is the highest limit that was asked under, `seed` that of every draw."""
    pool: Pool
    filters: int = filters.VERSION


def begin(folder: Path, wanted: Provenance) -> Provenance:
    """Writes down what the folder's targets are made with, and returns it; a higher token limit replaces a lower one.

    Raises InvalidInput, naming what differs, where the folder holds targets that were made with something else.
    """
    found = read(folder)
    if found is None:
        if any((folder / f"{split}.jsonl").exists() for split in ("train", "held_out")):
            text = f"{folder} holds targets, and nothing says what they were made with"
            raise InvalidInput(text, "out", "distil into another folder")
        return _write(folder, wanted)
    for name, old, new in (
        ("backbone", found.backbone.fingerprint, wanted.backbone.fingerprint),
        ("temperature", found.sampling.temperature, wanted.sampling.temperature),
        ("top_p", found.sampling.top_p, wanted.sampling.top_p),
        ("seed", found.sampling.seed, wanted.sampling.seed),
        ("pool", found.pool, wanted.pool),
        ("filters", found.filters, wanted.filters),
    ):
        if old != new:
            said = f"{_short(old)}, not {_short(new)}"
            raise InvalidInput(f"the targets of {folder} were made with {said}", name, "distil into another folder")
    if wanted.sampling.max_tokens <= found.sampling.max_tokens:
        return found
    return _write(folder, replace(found, sampling=wanted.sampling))


def read(folder: Path) -> Provenance | None:
    """Returns what the folder's targets were made with, None where nothing says so.

    Raises InvalidInput for a file of another form.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Provenance)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"says nothing of how the targets were made: {error}", str(path), "restore it") from None


def _write(folder: Path, provenance: Provenance) -> Provenance:
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f"{FILE}.tmp"
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(provenance), indent=1) + b"\n")
    scratch.replace(folder / FILE)
    return provenance


def _short(value: object) -> str:
    return f"version {value.version}" if isinstance(value, Pool) else str(value)[:16]
