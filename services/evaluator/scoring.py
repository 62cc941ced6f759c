"""From an item and its answer to an outcome, and from outcomes to tallies.

Every item is in the denominator. An answer that cannot be read is never given to chance, and a call that failed is
never a wrong answer in silence: both are counted apart, and widen the bounds of the accuracy instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.evaluator import official
from services.evaluator.extract import read, unwrapped
from services.evaluator.items import Answer, Item, Outcome

UNLABELLED = "(none)"
_LADDERS = {"easy": 0, "medium": 1, "hard": 2}
"""Groups with an order of their own; all others keep the benchmark's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What an answer was worth."""

    item_id: str
    outcome: Outcome | None
    """None where the benchmark withholds the right choice."""
    choice: int | None
    """The index of the choice that was read; None if there is none."""
    extractor: str
    """The extractor that decided, "" if none did."""
    votes: dict[str, int]
    """What each extractor chose for itself, by its name."""
    official: bool
    """Whether the official MMAU and MMAR string match takes the answer for the right choice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Outcomes counted: the five sum up to `n`. Items whose answer is withheld stand outside."""

    n: int = 0
    correct: int = 0
    wrong: int = 0
    unparsed: int = 0
    truncated: int = 0
    failed: int = 0
    official: int = 0
    """Items that the official string match takes for correct."""
    withheld: int = 0

    @property
    def accuracy(self) -> float:
        """The share of all items that are correct; NaN if there is no item."""
        return self.correct / self.n if self.n else float("nan")

    @property
    def official_accuracy(self) -> float:
        """The same by the official string match."""
        return self.official / self.n if self.n else float("nan")

    @property
    def unread(self) -> int:
        """Items without a choice: unparsed, truncated or failed."""
        return self.unparsed + self.truncated + self.failed

    @property
    def bounds(self) -> tuple[float, float]:
        """The accuracy if every unread item were wrong, and if every one were right; NaN if there is no item."""
        if not self.n:
            return float("nan"), float("nan")
        return self.correct / self.n, (self.correct + self.unread) / self.n


def score(item: Item, answer: Answer) -> Score:
    """Returns the score of one answer.

    Texts are compared, not indices: where a choice stands twice, either letter is right. The answer counts as truncated
    only if it reached the token limit and nothing could be read from it.
    """
    if answer.finish_reason == "error":
        outcome = None if item.answer is None else Outcome.FAILED
        return Score(item_id=item.id, outcome=outcome, choice=None, extractor="", votes={}, official=False)
    reading = read(answer.text, item.choices)
    return Score(
        item_id=item.id,
        outcome=_outcome(item, answer, reading.choice),
        choice=reading.choice,
        extractor=reading.extractor,
        votes=reading.votes,
        official=item.answer is not None and official.matches(unwrapped(reading.said), item.answer, item.choices),
    )


def tally(scores: Iterable[Score]) -> Tally:
    """Returns the counts of the scores' outcomes."""
    counts = dict.fromkeys(Outcome, 0)
    withheld = passed = 0
    for each in scores:
        if each.outcome is None:
            withheld += 1
            continue
        counts[each.outcome] += 1
        passed += each.official
    return Tally(
        n=sum(counts.values()),
        correct=counts[Outcome.CORRECT],
        wrong=counts[Outcome.WRONG],
        unparsed=counts[Outcome.UNPARSED],
        truncated=counts[Outcome.TRUNCATED],
        failed=counts[Outcome.FAILED],
        official=passed,
        withheld=withheld,
    )


def breakdown(items: Sequence[Item], scores: Sequence[Score], key: str) -> dict[str, Tally]:
    """Returns a tally for each group of the items by `key`, in the order of the benchmark.

    Difficulties go from easy to hard instead. `items` and `scores` run in parallel. Items in no group come last.
    """
    groups: dict[str, list[Score]] = {}
    for item, each in zip(items, scores, strict=True):
        groups.setdefault(item.groups.get(key, UNLABELLED), []).append(each)
    return {label: tally(groups[label]) for label in sorted(groups, key=rank)}


def rank(label: str) -> tuple[bool, int]:
    """Returns where a group stands among others: by its ladder if it is on one, that of no label last."""
    return label == UNLABELLED, _LADDERS.get(label.lower(), 0)


def _outcome(item: Item, answer: Answer, choice: int | None) -> Outcome | None:
    if item.answer is None:
        return None
    if choice is not None:
        return Outcome.CORRECT if item.choices[choice] == item.answer else Outcome.WRONG
    return Outcome.TRUNCATED if answer.finish_reason == "length" else Outcome.UNPARSED
