"""MMAR as its authors publish it: one JSON object a line (github.com/ddlBoJack/MMAR, MMAR-meta.jsonl).

`audio_path` is the clip's path relative to the file. A third of the official rows have no `language`; the number of
choices is 2 to 6. The reasoning, cues and rubrics of a row are not read.
"""

from functools import partial
from pathlib import Path

import msgspec

from services.evaluator.benchmarks.rows import Source, collect, make_item
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
    modality: str | list[str] | None = None
    category: str | list[str] | None = None
    subcategory: str | list[str] | None = None
    language: str | list[str] | None = None


def read(source: Source) -> tuple[Item, ...]:
    """Returns the file's items; raises `MalformedRow`."""
    return collect(source.lines(MmarRow), partial(_item, source.path.parent))


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
