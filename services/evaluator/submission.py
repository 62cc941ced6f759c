"""Answers in the format that a benchmark's authors score: the official rows as they are, with the predictions added.

For MMAU the added key is `model_output`, which its evaluation.py reads, and `model_prediction`, which its README asks
for (github.com/Sakshi113/MMAU); for MMAR it is `answer_prediction` (evaluation.py of github.com/ddlBoJack/MMAR). Both
scorers leave a row without the key out of their denominator, so every row must have a prediction: an empty one if it
failed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from earwitness.errors import InvalidInput, MalformedRow, NotReady
from services.evaluator.benchmarks.source import is_list, open_file

KEYS: dict[str, tuple[str, ...]] = {
    "mmau": ("model_output", "model_prediction"),
    "mmau-test": ("model_output", "model_prediction"),
    "mmar": ("answer_prediction",),
}
SHOWN = 5


def write(benchmark: str, rows: Path, predictions: Mapping[str, str], out: Path) -> int:
    """Writes the rows with the predictions, by item id, to `out`, whole or not at all; returns how many there are.

    The file is a JSON list if `rows` is, and JSONL otherwise. The same rows and predictions give the same bytes.

    Raises `InvalidInput` for a benchmark without an official format and for predictions that do not fit the rows,
    `NotFound` without the file, `MalformedRow`, and `NotReady` if `out` cannot be written.
    """
    if benchmark not in KEYS:
        raise InvalidInput(f"'{benchmark}' has no official format", "benchmark", f"those that have: {', '.join(KEYS)}")
    whole = is_list(rows)
    seen: set[str] = set()
    partial = out.with_name(f"{out.name}.partial")
    try:
        with partial.open("wb") as file:
            for row in _rows(rows, whole):
                id = str(row["id"])
                seen.add(id)
                row |= dict.fromkeys(KEYS[benchmark], predictions.get(id, ""))
                file.write(_encoded(row, whole, first=len(seen) == 1))
            file.write(b"\n]\n" if whole else b"")
        _require_same(seen, set(predictions))
        partial.replace(out)
    except OSError as error:
        raise NotReady(f"{out} cannot be written: {error.strerror}", "out", "choose another place") from error
    finally:
        partial.unlink(missing_ok=True)
    return len(seen)


def _rows(path: Path, whole: bool) -> Iterator[dict[str, Any]]:
    with open_file(path) as file:
        try:
            lines = msgspec.json.decode(file.read(), type=list[msgspec.Raw]) if whole else file
            for number, line in enumerate(lines, start=1):
                if bytes(line).strip():
                    row = msgspec.json.decode(line)
                    if not isinstance(row, dict) or "id" not in row:
                        raise MalformedRow(
                            "it is no object with an id", f"{path.name}:{number}", "give the official file"
                        )
                    yield row
        except msgspec.DecodeError as error:
            raise MalformedRow(f"this is no JSON: {error}", path.name, "give the official file") from error


def _encoded(row: dict[str, Any], whole: bool, first: bool) -> bytes:
    text = msgspec.json.encode(row)
    if not whole:
        return text + b"\n"
    indented = msgspec.json.format(text, indent=2).replace(b"\n", b"\n  ")
    return (b"[\n  " if first else b",\n  ") + indented


def _require_same(rows: set[str], predictions: set[str]) -> None:
    for ids, what in ((rows - predictions, "no prediction for"), (predictions - rows, "no row for")):
        if ids:
            some = ", ".join(sorted(ids)[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
            raise InvalidInput(f"there is {what} {some}", "predictions", "give one for each row, empty if it failed")
