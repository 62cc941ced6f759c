"""The training curve: a JSONL file with a line a step, which the report draws."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One step. Step 0 is before training and has a held-out loss alone."""

    step: int
    loss: float | None = None
    """Nats per answer token, on the batch that was learned from."""
    held_out: float | None = None
    """Nats per answer token, on rows that are not trained on."""
    tokens: int = 0
    """Answer tokens in the batch."""
    seconds: float = 0.0


class Curve:
    """The file, open for more steps."""

    def __init__(self, path: Path, *, last_step: int) -> None:
        """Keeps the lines up to `last_step`, where a run goes on; a line that a killed run left unfinished goes too."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [point for point in read(path) if point.step <= last_step] if last_step else []
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(b"".join(_line(point) for point in kept))
        partial.replace(path)

    def add(self, on_step: Callable[[Point], None], point: Point) -> None:
        """Writes a step and tells of it."""
        with self._path.open("ab") as file:
            file.write(_line(point))
        on_step(point)


def read(path: Path) -> list[Point]:
    """Returns the steps of a curve, none where there is no file."""
    if not path.is_file():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [msgspec.json.decode(line, type=Point) for line in whole.splitlines()]


def _line(point: Point) -> bytes:
    return msgspec.json.encode(point) + b"\n"
