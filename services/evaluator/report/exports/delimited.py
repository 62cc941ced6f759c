"""CSV, safe to be opened in a spreadsheet.

Answers are what models wrote: a text that a spreadsheet would take for a formula is given an apostrophe in front, as
OWASP advises ("CSV Injection"). Lists are written as JSON. UTF-8, line feeds.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from services.evaluator.report.exports import rows
from services.evaluator.report.exports.rows import Row, Value
from services.evaluator.result import Experiment

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_runs(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes the runs with their breakdowns."""
    del folder
    _write(rows.RUN_COLUMNS, rows.runs(experiment), path)


def write_items(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes every item of every run."""
    _write(rows.ITEM_COLUMNS, rows.answers(experiment, folder), path)


def cell(value: Value) -> str | int | float:
    """Returns a value as a cell of the file; "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _write(columns: Iterable[str], written: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row.values()] for row in written)
