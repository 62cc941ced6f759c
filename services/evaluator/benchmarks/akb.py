"""Questions about sound in text alone: one JSON object a line.

The format is ours, since the questions of AKB-2000 (arXiv:2603.19195) are not public: `id`, `question`, `choices`,
`answer` (the right choice's text), `category` and `subcategory`. Other keys, such as who verified a row, are not read.
"""

from pathlib import Path

import msgspec

from services.evaluator.benchmarks.rows import Text, make_item
from services.evaluator.benchmarks.source import Reading, read_json
from services.evaluator.items import Item

BREAKDOWNS = ("category", "subcategory")


class AkbRow(msgspec.Struct):
    """One line of the file."""

    id: str | int
    question: str
    choices: list[str]
    answer: str | None = None
    category: Text = None
    subcategory: Text = None


def read(path: Path) -> Reading:
    """Returns the file's items; raises `NotFound` and `MalformedRow`."""
    return read_json(path, AkbRow, _item)


def _item(_folder: Path, place: str, row: AkbRow) -> Item:
    return make_item(
        place,
        id=row.id,
        question=row.question,
        choices=row.choices,
        answer=row.answer,
        groups={"category": row.category, "subcategory": row.subcategory},
    )
