"""MMAR as its authors publish it: one JSON object a line (github.com/ddlBoJack/MMAR, MMAR-meta.jsonl).

`audio_path` is the clip's path relative to the file. A third of the official rows have no `language`; the number of
choices is 2 to 6. The reasoning, cues and rubrics of a row are not read. The hub's copy of the file is one JSON list,
MMAR-meta.json, and reads the same.
"""

from pathlib import Path

import msgspec

from services.evaluator.benchmarks.rows import Text, make_item
from services.evaluator.benchmarks.source import Reading, read_json
from services.evaluator.items import Item

BREAKDOWNS = ("modality", "category", "subcategory", "language")
"""The official evaluation breaks down by the first three."""


class MmarRow(msgspec.Struct, rename={"subcategory": "sub-category"}):
    """One line of the file."""

    id: str | int
    audio_path: str
    question: str
    choices: list[str]
    answer: str | None = None
    modality: Text = None
    category: Text = None
    subcategory: Text = None
    language: Text = None


def read(path: Path) -> Reading:
    """Returns the file's items; raises `NotFound` and `MalformedRow`."""
    return read_json(path, MmarRow, _item)


def _item(folder: Path, place: str, row: MmarRow) -> Item:
    return make_item(
        place,
        id=row.id,
        question=row.question,
        choices=row.choices,
        answer=row.answer,
        audio=folder / row.audio_path,
        groups={
            "modality": row.modality,
            "category": row.category,
            "subcategory": row.subcategory,
            "language": row.language,
        },
    )
