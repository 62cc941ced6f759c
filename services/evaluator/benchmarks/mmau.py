"""MMAU as its authors publish it: one JSON list of rows (github.com/Sakshi113/MMAU, v05.15.25).

`audio_id` is the clip's path relative to the file. In the official test-mini, 13 rows have a list for `category`, 27
have the same choice twice, and the number of choices is 2, 4, 5 or 8. The answers of the test split are blank: only
its authors can score it, from the file that `services.evaluator.submission` writes.
"""

from pathlib import Path

import msgspec

from services.evaluator.benchmarks.rows import Text, make_item
from services.evaluator.benchmarks.source import Reading, read_json
from services.evaluator.items import Item

BREAKDOWNS = ("task", "difficulty", "category", "subcategory")
"""The official evaluation breaks down by the task, the difficulty and the subcategory."""


class MmauRow(msgspec.Struct, rename={"subcategory": "sub-category"}):
    """One row of the list."""

    id: str | int
    audio_id: str
    question: str
    choices: list[str]
    answer: str | None = None
    task: Text = None
    difficulty: Text = None
    category: Text = None
    subcategory: Text = None


def read(path: Path) -> Reading:
    """Returns the file's items; raises `NotFound` and `MalformedRow`."""
    return read_json(path, MmauRow, _item)


def _item(folder: Path, place: str, row: MmauRow) -> Item:
    return make_item(
        place,
        id=row.id,
        question=row.question,
        choices=row.choices,
        answer=row.answer,
        audio=folder / row.audio_id,
        groups={
            "task": row.task,
            "difficulty": row.difficulty,
            "category": row.category,
            "subcategory": row.subcategory,
        },
    )
