"""Parquet, in row groups of a fixed size, so that memory does not grow with the items.

Columns have the same type whatever is in them, and nothing in the file says when it was written.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from services.evaluator.report.exports import rows
from services.evaluator.report.exports.rows import Kind, Row
from services.evaluator.result import Experiment

ROWS_AT_ONCE = 4096


def write_runs(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes the runs with their breakdowns."""
    del folder
    _write(rows.runs(experiment), rows.RUN_COLUMNS, path)


def write_items(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes every item of every run."""
    _write(rows.answers(experiment, folder), rows.ITEM_COLUMNS, path)


def _write(written: Iterable[Row], columns: Mapping[str, Kind], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[Kind, Any] = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "texts": pa.list_(pa.string()),
        "numbers": pa.list_(pa.float64()),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    iterator = iter(written)
    with pq.ParquetWriter(path, schema, compression="zstd", version="2.6") as writer:
        while batch := list(islice(iterator, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
