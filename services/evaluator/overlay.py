"""Overlays: files that flag items of a benchmark whose text or gold answer is known to be wrong.

An overlay is YAML or JSON: `benchmark`, the `sha256` of the file that it was written for (optional), and `known_bad`,
from item id to reason. It changes no item: what it flags is asked and reported like the rest, and the report adds the
totals without it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from earwitness.errors import InvalidInput, MalformedRow, NotFound

SHOWN = 5


class Overlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One overlay."""

    benchmark: str
    sha256: str = ""
    known_bad: dict[str, str]

    def flags(self, benchmark: str, sha256: str, ids: Iterable[str]) -> dict[str, str]:
        """Returns item id to reason, once it is certain that the overlay speaks of these items.

        Raises `InvalidInput` if it was written for another benchmark or file, or flags an id that is not among `ids`.
        """
        if self.benchmark != benchmark:
            raise InvalidInput(f"it is for '{self.benchmark}', not '{benchmark}'", "overlay", "give one for it")
        if self.sha256 and self.sha256 != sha256:
            message = f"it was written for the file with SHA-256 {self.sha256[:12]}…, and this one has {sha256[:12]}…"
            raise InvalidInput(message, "overlay", "check it against this file and correct its sha256")
        unknown = dict.fromkeys(self.known_bad)
        for id in ids:
            if not unknown:
                break
            unknown.pop(id, None)
        if unknown:
            some = ", ".join(list(unknown)[:SHOWN]) + (", …" if len(unknown) > SHOWN else "")
            message = f"the benchmark has no item {some}" if len(unknown) == 1 else f"the benchmark has no items {some}"
            raise InvalidInput(message, "overlay: known_bad", "correct the ids")
        return self.known_bad


def read(path: Path) -> Overlay:
    """Reads an overlay; raises `NotFound` without a file and `MalformedRow` for one that breaks the format."""
    import yaml

    try:
        loaded: Any = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise NotFound(f"there is no overlay {path}", "overlay", "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MalformedRow(
            f"this is neither YAML nor JSON: {error}", path.name, "check quotes and indentation"
        ) from error
    if isinstance(loaded, dict) and isinstance(loaded.get("known_bad"), dict):
        # YAML reads an id of digits as a number.
        loaded["known_bad"] = {str(id): reason for id, reason in loaded["known_bad"].items()}
    try:
        return msgspec.convert(loaded, Overlay)
    except msgspec.ValidationError as error:
        raise MalformedRow(
            str(error)[:1].lower() + str(error)[1:], path.name, f"its format is described in {__name__}"
        ) from error
