"""What the answers of many models say of each question: how hard it is, whether it tells the able from the others, and
which distractors are ever chosen.

Discrimination is the correlation of being right on the item with the number of the other items that are right (the
corrected item-total correlation: F. M. Lord and M. R. Novick, "Statistical Theories of Mental Test Scores", 1968).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earwitness.errors import InvalidInput
from services.evaluator import result
from services.evaluator.items import Outcome

FEWEST = 8
"""Respondents below whom an item's correlation says next to nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """One respondent's answer to one question."""

    item: str
    right: bool
    choice: str
    """The text of the choice that was read; "" for none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question as far as its statistics need it."""

    item: str
    subcategory: str
    answer: str
    distractors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemStatistics:
    """How one question did."""

    asked: Asked
    right: float
    """The share of respondents who are right."""
    discrimination: float
    """From -1 to 1; NaN where everybody, or nobody, is right."""
    chosen: Mapping[str, int]
    """How often each choice was taken."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Distractors that nobody took."""
        return tuple(choice for choice in self.asked.distractors if not self.chosen.get(choice))


def statistics(asked: Sequence[Asked], respondents: Sequence[Sequence[Response]]) -> list[ItemStatistics]:
    """Returns the statistics of each question; every respondent has answered every question, in their order.

    Raises InvalidInput otherwise, or for no respondent.
    """
    items = [each.item for each in asked]
    if not respondents or any([each.item for each in given] != items for given in respondents):
        raise InvalidInput("not every respondent has answered the same questions", "runs", "give runs of one version")
    right = np.array([[each.right for each in given] for given in respondents], dtype=float)
    totals = right.sum(axis=1, keepdims=True)
    rest = totals - right
    return [
        ItemStatistics(
            asked=each,
            right=float(right[:, at].mean()),
            discrimination=_correlation(right[:, at], rest[:, at]),
            chosen=dict(Counter(given[at].choice for given in respondents if given[at].choice)),
        )
        for at, each in enumerate(asked)
    ]


def read(folders: Sequence[Path], benchmark: str) -> tuple[list[Asked], dict[str, list[Response]]]:
    """Returns the questions of a benchmark and every backbone's answers to them, from results folders.

    Of a backbone the first run counts that is plain: without a control, the first sample. Raises InvalidInput where
    there is none, or where runs are of several versions.
    """
    asked: list[Asked] = []
    respondents: dict[str, list[Response]] = {}
    versions = set[str]()
    for folder in folders:
        for run in result.load(folder).results:
            if run.benchmark != benchmark or run.control != "none" or run.sample or run.backbone in respondents:
                continue
            versions.add(run.benchmark_sha256)
            found = list(result.items(folder, run))
            asked = asked or [_asked(each) for each in found]
            respondents[run.backbone] = [_response(each) for each in found]
    if not respondents:
        raise InvalidInput(f"there is no plain run of {benchmark}", "folder", "give results of `earwitness run`")
    if len(versions) > 1:
        remedy = "rescore the older ones first: earwitness rescore --benchmark"
        raise InvalidInput(f"the runs are of {len(versions)} versions of {benchmark}", "folder", remedy)
    return asked, respondents


def _asked(item: result.answers.ItemResult) -> Asked:
    distractors = tuple(choice for choice in item.choices if choice != item.gold)
    return Asked(
        item=item.id, subcategory=item.groups.get("subcategory", ""), answer=item.gold or "", distractors=distractors
    )


def _response(item: result.answers.ItemResult) -> Response:
    choice = "" if item.score.choice is None else item.choices[item.score.choice]
    return Response(item=item.id, right=item.score.outcome is Outcome.CORRECT, choice=choice)


def _correlation(one: "np.ndarray[tuple[int], np.dtype[np.float64]]", other: object) -> float:
    second = np.asarray(other, dtype=float)
    if one.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, second)[0, 1])
