"""The first items of a benchmark with what every run answered, read from the runs' answers files as far as needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from services.evaluator.answers import ItemResult
from services.evaluator.items import LETTERS
from services.evaluator.report.grid import Run, Section
from services.evaluator.result import items

ITEMS_SHOWN = 500
"""Items of one benchmark that the page lists; the answers files have them all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What one run answered."""

    run: Run
    item: ItemResult
    letter: str
    """Of the option that was read, as the page lists the options; "" if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One item with what every run answered."""

    item: ItemResult
    replies: Sequence[Reply]

    @property
    def disagrees(self) -> bool:
        """Whether two extractors read different options from one of the answers."""
        return any(len(set(reply.item.score.votes.values())) > 1 for reply in self.replies)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The items of one benchmark that the page lists."""

    section: Section
    items: Sequence[Asked]
    gone: Sequence[Run]
    """Runs whose answers file is not in the folder."""

    @property
    def num_items(self) -> int:
        """All items of the benchmark."""
        return len(self.section.first.outcomes)


def listing(section: Section, folder: Path) -> Listing:
    """Returns the first `ITEMS_SHOWN` items. Runs with their answers elsewhere are named, not shown."""
    present = [run for run in section.runs if (folder / run.result.answers).is_file()]
    gone = [run for run in section.runs if run not in present]
    files = [islice(items(folder, run.result), ITEMS_SHOWN) for run in present]
    asked = [_asked(present, answers) for answers in zip(*files, strict=True)]
    return Listing(section=section, items=asked, gone=gone)


def _asked(runs: Sequence[Run], answers: Sequence[ItemResult]) -> Asked:
    plain = [item for run, item in zip(runs, answers, strict=True) if run.result.control != "shuffle"]
    shown = (plain or answers)[0]
    return Asked(
        item=shown,
        replies=[
            Reply(run=run, item=item, letter=_letter(shown, item)) for run, item in zip(runs, answers, strict=True)
        ],
    )


def _letter(shown: ItemResult, item: ItemResult) -> str:
    choice = item.score.choice
    return "" if choice is None else LETTERS[shown.choices.index(item.choices[choice])]
