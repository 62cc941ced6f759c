"""The log of calls: what every model was asked and wrote, one JSON line each, kept before it counts.

Whoever starts the same generation again asks nothing twice; a call that failed is logged as such and asked again.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import msgspec

from earwitness.sampling import Sampling


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call, and what came of it."""

    key: str
    model: str
    category: str
    subcategory: str
    text: str = ""
    error: str = ""


def key_of(fingerprint: str, prompt: str, sampling: Sampling) -> str:
    """Returns the hash of all that can change what a model writes: SHA-256, hex."""
    parts = [fingerprint, prompt, asdict(sampling)]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


class CallLog:
    """An open log. Use it as a context manager; a line that was cut off by a crash is passed over."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.texts: dict[str, str] = {}
        """What was written, by the call's key."""
        decoder = msgspec.json.Decoder(Call)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        for line in lines:
            try:
                call = decoder.decode(line)
            except msgspec.DecodeError:
                continue
            if not call.error:
                self.texts[call.key] = call.text
        self._file = path.open("ab")
        if lines and not lines[-1].endswith(b"\n"):
            self._file.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, call: Call) -> None:
        """Writes a call down; it is on the disk when this returns."""
        self._file.write(msgspec.json.encode(call) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        if not call.error:
            self.texts[call.key] = call.text
