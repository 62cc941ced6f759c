"""JSON: an array of rows, one row a line, written as they come."""

import json
from collections.abc import Iterable
from pathlib import Path

from services.evaluator.report.exports import rows
from services.evaluator.report.exports.rows import Row
from services.evaluator.result import Experiment


def write_runs(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes the runs with their breakdowns."""
    del folder
    _write(rows.runs(experiment), path)


def write_items(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes every item of every run."""
    _write(rows.answers(experiment, folder), path)


def _write(written: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("[")
        for number, row in enumerate(written):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False))
        file.write("\n]\n")
