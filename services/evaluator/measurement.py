"""From answers, as they come in, to the result of a run: counted in any order, the same in the end.

Only counts are kept, so that a million items take no more memory than a thousand. No sum of floats depends on the
order, since shares are added as fractions.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

from earwitness.errors import InvalidInput
from services.evaluator.answers import ItemResult, Sheet
from services.evaluator.items import LETTERS, Answer, Benchmark, Item, Outcome
from services.evaluator.result import Audit, Description, Reader, RunResult
from services.evaluator.scoring import UNLABELLED, Score, Tally, rank, score

SIGNS: dict[Outcome | None, str] = {
    Outcome.CORRECT: "c",
    Outcome.WRONG: "w",
    Outcome.UNPARSED: "u",
    Outcome.TRUNCATED: "t",
    Outcome.FAILED: "f",
    None: "-",
}
"""How `RunResult.outcomes` writes an outcome; `-` where the right choice is withheld."""
_PENDING = ord(" ")


class Measurement:
    """Counts the answers of one run and keeps them in its sheet."""

    def __init__(self, benchmark: Benchmark, num_items: int, sheet: Sheet | None = None, settled: int = 0) -> None:
        """`settled` items, from the first on, are known to have answers, and may be added last."""
        self._benchmark = benchmark
        self._sheet = sheet
        self._outcomes = bytearray([_PENDING]) * num_items
        self._prefix = settled
        self._total, self._sound = Counts(0), Counts(0)
        self._groups: dict[str, dict[str, Counts]] = {key: {} for key in benchmark.breakdowns}
        self._guesses: Counter[tuple[int, int]] = Counter()
        self._audit = AuditCounts()

    def add(self, position: int, item: Item, answer: Answer, caption: str = "", audio_sha256: str = "") -> Score:
        """Scores the answer to the item at a position in the benchmark, counted from 0."""
        scored = score(item, answer)
        self._outcomes[position] = ord(SIGNS[scored.outcome])
        seen = scored.outcome, scored.official
        self._total.add(seen, position)
        known_bad = self._benchmark.known_bad.get(item.id, "")
        if not known_bad:
            self._sound.add(seen, position)
        for key, groups in self._groups.items():
            label = item.groups.get(key, UNLABELLED)
            if label not in groups:
                groups[label] = Counts(position)
            groups[label].add(seen, position)
        if item.answer is not None:
            self._guesses[item.choices.count(item.answer), len(item.choices)] += 1
        self._audit.add(item, scored)
        if self._sheet:
            about = {"caption": caption, "audio_sha256": audio_sha256, "known_bad": known_bad}
            self._sheet.add(position, _item_result(item, answer, scored, **about))
        return scored

    @property
    def tally(self) -> Tally:
        """What came of the items so far."""
        return self._total.tally

    @property
    def prefix(self) -> int:
        """How many items have answers without a gap, from the first on."""
        while self._prefix < len(self._outcomes) and self._outcomes[self._prefix] != _PENDING:
            self._prefix += 1
        return self._prefix

    def result(self, description: Description, answers: str = "") -> RunResult:
        """Returns the result of a run whose every item was added; raises InvalidInput otherwise."""
        pending = self._outcomes.count(_PENDING)
        if pending:
            remedy = "finish the run, and record failed calls as failed answers"
            raise InvalidInput(f"{pending} of {len(self._outcomes)} items have no answer", "answers", remedy)
        guesses = sum(self._guesses.values())
        luck = sum((Fraction(right * n, of) for (right, of), n in sorted(self._guesses.items())), Fraction())
        return RunResult(
            **{name: getattr(description, name) for name in Description.__dataclass_fields__},
            benchmark=self._benchmark.name,
            benchmark_version=self._benchmark.version,
            benchmark_sha256=self._benchmark.sha256,
            chance=float(luck / guesses) if guesses else None,
            total=self._total.tally,
            breakdowns={key: _ordered(groups) for key, groups in self._groups.items()},
            outcomes=self._outcomes.decode(),
            answers=answers,
            audit=self._audit.audit,
            without_known_bad=self._sound.tally if self._benchmark.known_bad else None,
        )


class Counts:
    """Outcomes being counted."""

    def __init__(self, position: int) -> None:
        """`position` is that of the first item that is counted."""
        self.first = position
        """The position of the first item: groups are shown in the benchmark's order."""
        self._seen: dict[tuple[Outcome | None, bool], int] = {}

    def add(self, seen: tuple[Outcome | None, bool], position: int) -> None:
        """Counts one: its outcome, and whether the official match takes it for right."""
        self._seen[seen] = self._seen.get(seen, 0) + 1
        if position < self.first:
            self.first = position

    @property
    def tally(self) -> Tally:
        """What was counted."""
        counts = dict.fromkeys(Outcome, 0)
        passed = withheld = 0
        for (outcome, official), number in self._seen.items():
            if outcome is None:
                withheld += number
                continue
            counts[outcome] += number
            passed += official * number
        named = {outcome.value: number for outcome, number in counts.items()}
        return Tally(**named, n=sum(counts.values()), official=passed, withheld=withheld)


Shape = tuple[str, int | None, tuple[tuple[str, int], ...], int | None, bool, bool, frozenset[int]]
"""What the audit wants to know of an answer: the deciding extractor, the choice, the votes, the place of the right
choice, whether it was correct, by us and officially, and every place that holds the right choice's text."""


class AuditCounts:
    """How answers were read, being counted: by shape, of which there are few, so that an answer costs one look-up."""

    def __init__(self) -> None:
        self._shapes: Counter[Shape] = Counter()

    def add(self, item: Item, scored: Score) -> None:
        """Counts one."""
        gold, right = item.answer, scored.outcome is Outcome.CORRECT
        places = frozenset(at for at, choice in enumerate(item.choices) if choice == gold)
        votes = tuple(sorted(scored.votes.items()))
        first = min(places, default=None)
        self._shapes[scored.extractor, scored.choice, votes, first, right, scored.official, places] += 1

    @property
    def audit(self) -> Audit:
        """What was counted."""
        read_by, pairs = Counter[str](), Counter[str]()
        readers: dict[str, Counter[str]] = {}
        letters: dict[str, Counter[str]] = {"chosen": Counter(), "gold": Counter(), "right": Counter()}
        disagreeing = ours_alone = official_alone = 0
        for (extractor, choice, votes, gold, right, official, places), number in self._shapes.items():
            ours_alone += number * (right and not official)
            official_alone += number * (official and not right)
            disagreeing += number * (len({vote for _, vote in votes}) > 1)
            if choice is not None:
                read_by[extractor] += number
                letters["chosen"][LETTERS[choice]] += number
            if gold is not None:
                letters["gold"][LETTERS[gold]] += number
                letters["right"][LETTERS[gold]] += number * right
            for at, (name, vote) in enumerate(votes):
                reader = readers.setdefault(name, Counter())
                reader["read"] += number
                reader["correct"] += number * (vote in places)
                reader["overruled"] += number * (choice is not None and choice != vote)
                for other, another in votes[at + 1 :]:
                    pairs[f"{name} | {other}"] += number * (vote != another)
        return Audit(
            read_by=_sorted(read_by),
            disagreeing=disagreeing,
            ours_alone=ours_alone,
            official_alone=official_alone,
            readers={name: Reader(**reader) for name, reader in sorted(readers.items())},
            pairs={pair: number for pair, number in _sorted(pairs).items() if number},
            chosen=_sorted(letters["chosen"]),
            gold=_sorted(letters["gold"]),
            right=_sorted(letters["right"]),
        )


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def measure(
    benchmark: Benchmark,
    answers: Mapping[str, Answer],
    description: Description,
    *,
    folder: Path | None = None,
    captions: Mapping[str, str] | None = None,
) -> RunResult:
    """Returns the result of complete answers, by item id, and writes them into a results folder if one is given.

    Raises InvalidInput if an item has no answer.
    """
    missing = [item.id for item in benchmark.items if item.id not in answers]
    if missing:
        text = f"{len(missing)} of {len(benchmark.items)} items have none, the first is '{missing[0]}'"
        raise InvalidInput(text, "answers", "finish the run, and record failed calls as failed answers")
    name, num_items = description.file(benchmark), len(benchmark.items)
    with Sheet(folder / name, num_items) if folder else nullcontext() as sheet:
        measurement = Measurement(benchmark, num_items, sheet)
        for position, item in enumerate(benchmark.items):
            measurement.add(position, item, answers[item.id], (captions or {}).get(item.id, ""))
        if sheet:
            sheet.finish()
    return measurement.result(description, name)


def _ordered(groups: Mapping[str, Counts]) -> dict[str, Tally]:
    """Returns the tallies in the order of the benchmark, difficulties from easy to hard, items in no group last."""
    order = sorted(groups, key=lambda label: (*rank(label), groups[label].first))
    return {label: groups[label].tally for label in order}


def _item_result(item: Item, answer: Answer, scored: Score, **about: str) -> ItemResult:
    return ItemResult(
        id=item.id,
        question=item.question,
        choices=item.choices,
        gold=item.answer,
        groups=dict(item.groups),
        answer=answer,
        score=scored,
        **about,
    )
