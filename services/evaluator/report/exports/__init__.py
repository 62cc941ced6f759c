"""Results as files for other programs: tables for papers and pages, rows for spreadsheets and data frames.

The same results give the same bytes. A file is whole or absent.
"""

from collections.abc import Callable
from pathlib import Path

from earwitness.errors import InvalidInput
from services.evaluator.report.exports import delimited, documents, latex, markdown, parquet
from services.evaluator.result import Experiment

Writer = Callable[[Experiment, Path, Path], None]
"""Takes the experiment, its folder and the file to write."""
RUNS: dict[str, Writer] = {
    "markdown": markdown.write,
    "csv": delimited.write_runs,
    "json": documents.write_runs,
    "parquet": parquet.write_runs,
    "latex": latex.write,
}
ITEMS: dict[str, Writer] = {
    "csv": delimited.write_items,
    "json": documents.write_items,
    "parquet": parquet.write_items,
}


def export(experiment: Experiment, folder: Path, kind: str, path: Path, *, items: bool = False) -> None:
    """Writes all runs with their breakdowns, or with `items` every item of every run, read from `folder` as it goes.

    Raises InvalidInput for a kind that there is not, and NotFound for items whose answers file is gone.
    """
    writers = ITEMS if items else RUNS
    if kind not in writers:
        what = "items" if items else "runs"
        raise InvalidInput(f"{what} cannot be exported as {kind!r}", "kind", f"known: {', '.join(writers)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.partial")
    try:
        writers[kind](experiment, folder, scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
