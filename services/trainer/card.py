"""The data card of a folder of targets: what it holds, what was dropped, and what it was made with.

It reads rows of any origin that follow DeSTA-AQA5M, one by one: memory holds counts and lengths, and a bounded draw of
responses. distinct-n is the share of different n-grams among all (Li et al., arXiv:1510.03055); since it falls with the
amount of text, it is measured over `DRAWN` responses, always the same ones of a folder.
"""

import heapq
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np

from earwitness.errors import EarwitnessError, NotFound
from earwitness.identity import Identity
from earwitness.sampling import Sampling
from services.trainer import instructions, provenance, rows
from services.trainer.description import attributes_of
from services.trainer.journal import DROPPED

DRAWN = 10_000
PERCENTILES = (5, 25, 50, 75, 95)
EXAMPLES = 8
MOST_VALUES = 12
"""Values of an attribute that are counted one by one in the card."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")

CountTokens = Callable[[str], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """How long texts are."""

    mean: float
    percentiles: Mapping[str, float]
    """By their number, "0" and "100" being the shortest and the longest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """What the clips of the rows are said to have under one name."""

    rows: int
    num_values: int
    values: Mapping[str, int]
    """The most frequent ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row to look at."""

    kind: str
    seed_description: str
    prompt: str
    response: str
    reason: str = ""
    """Why it was dropped; "" where it was kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """See the module."""

    rows: Mapping[str, int]
    """By file."""
    dropped: Mapping[str, int]
    """By the rule that was broken."""
    datasets: Mapping[str, int]
    kinds: Mapping[str, int]
    """By the kind of instruction."""
    attributes: Mapping[str, Attribute]
    words: Mapping[str, Lengths]
    """Of descriptions, prompts and responses."""
    tokens: Lengths | None
    """Of responses, where the backbone's tokenizer is at hand."""
    distinct: Mapping[str, float]
    """Of responses, for n = 1 and 2."""
    examples: tuple[Example, ...]
    backbone: Identity | None = None
    sampling: Sampling | None = None
    pool_version: int | None = None
    filters_version: int | None = None


def card_of(folder: Path, count_tokens: CountTokens | None = None) -> Card:
    """Returns the card of the JSONL files in a folder.

    Raises NotFound where there are none, MalformedRow for a row of another form.
    """
    files = sorted(path for path in folder.glob("*.jsonl") if not path.name.endswith(DROPPED))
    if not files:
        raise NotFound("there are no rows", str(folder), "make them with `earwitness train distil`")
    made_with = provenance.read(folder)
    pool = made_with.pool if made_with else instructions.pool()
    survey = _Survey(pool=pool, count_tokens=count_tokens)
    counts = {path.name: sum(map(survey.add, rows.stream(path))) for path in files}
    drops = _Drops(pool)
    for path in sorted(folder.glob(f"*{DROPPED}")):
        for dropped in rows.stream(path, rows.Dropped):
            drops.add(dropped)
    return Card(
        rows=counts,
        dropped=_by_count(drops.reasons),
        datasets=_by_count(survey.datasets),
        kinds=_by_count(survey.kinds),
        attributes=survey.known(),
        words={name: _lengths(values) for name, values in survey.words.items()},
        tokens=_lengths(survey.tokens) if count_tokens else None,
        distinct={f"distinct-{n}": distinct(survey.drawn(), n) for n in (1, 2)},
        examples=(*survey.examples(), *drops.examples()),
        backbone=made_with.backbone if made_with else None,
        sampling=made_with.sampling if made_with else None,
        pool_version=made_with.pool.version if made_with else None,
        filters_version=made_with.filters if made_with else None,
    )


def tokenizer_of(model: str, *, download: bool) -> CountTokens:
    """Returns what counts a text's tokens for a model, by hub id, folder or embedded name.

    Raises NotFound where there is no tokenizer of it, or none on this machine unless it may `download` one.
    """
    from earwitness import embedded
    from earwitness.home import models_folder
    from earwitness.models import ModelRef

    try:
        ref = ModelRef.parse(model)
        from transformers import AutoTokenizer  # seconds, which a name that is none need not cost

        place = ref.name
        if ref.kind == "embedded":
            there = models_folder() / embedded.EMBEDDED[ref.name].folder_name
            place = str(embedded.prepare(ref.name) if download else there)
        tokenizer: Any = AutoTokenizer.from_pretrained(
            place, revision=ref.revision or "main", local_files_only=not download
        )
    except (OSError, ValueError, EarwitnessError) as error:
        raise NotFound(f"there is no tokenizer of {model}", "--tokenizer", "name a model, or its folder") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def distinct(texts: Iterable[str], n: int) -> float:
    """Returns the share of different n-grams of words, for n of 1 or 2, over all texts; 0 where there are none."""
    seen: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        found = words(text.lower())
        grams: list[tuple[str, ...]] = [(word,) for word in found] if n == 1 else list(pairwise(found))
        seen.update(grams)
        total += len(grams)
    return round(len(seen) / total, 4) if total else 0.0


def words(text: str) -> list[str]:
    """Returns the words of a text."""
    return cast(list[str], _WORD.findall(text))


class _Smallest:
    """The `most` items of the smallest hashes, whatever the order in which they come."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, str, Any]] = []

    def add(self, key: str, item: Any) -> None:
        entry = (-zlib.crc32(key.encode()), key, item)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def items(self) -> list[Any]:
        return [item for *_, item in sorted(self._heap, reverse=True)]


@dataclass(kw_only=True, slots=True)
class _Survey:
    """What is counted of kept rows."""

    pool: instructions.Pool
    count_tokens: CountTokens | None
    datasets: Counter[str] = field(default_factory=Counter[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    words: dict[str, "array[int]"] = field(
        default_factory=lambda: {name: array("l") for name in ("seed_description", "prompt", "response")}
    )
    tokens: "array[int]" = field(default_factory=lambda: array("l"))
    _having: Counter[str] = field(default_factory=Counter[str])
    _values: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    _responses: _Smallest = field(default_factory=lambda: _Smallest(DRAWN))
    _shown: dict[str, _Smallest] = field(default_factory=dict[str, _Smallest])

    def add(self, row: rows.Row) -> int:
        """Counts a row, and returns 1."""
        kind = self.pool.kind_of(row.prompt)
        self.datasets[row.dataset or "unnamed"] += 1
        self.kinds[kind] += 1
        known = set(attributes_of(row.seed_description))
        self._having.update({name for name, _ in known})
        for name, value in known:
            self._values.setdefault(name, Counter())[value] += 1
        for name, lengths in self.words.items():
            lengths.append(len(words(getattr(row, name))))
        if self.count_tokens:
            self.tokens.append(self.count_tokens(row.response))
        key = f"{row.id}:{row.prompt}:{row.response}"
        self._responses.add(key, row.response)
        self._shown.setdefault(kind, _Smallest(1)).add(key, row)
        return 1

    def drawn(self) -> list[str]:
        return self._responses.items()

    def known(self) -> dict[str, Attribute]:
        return {
            name: Attribute(
                rows=count,
                num_values=len(self._values[name]),
                values=dict(list(_by_count(self._values[name]).items())[:MOST_VALUES]),
            )
            for name, count in _by_count(self._having).items()
        }

    def examples(self) -> Iterator[Example]:
        for kind, shown in sorted(self._shown.items())[:EXAMPLES]:
            for row in shown.items():
                yield Example(
                    kind=kind, seed_description=row.seed_description, prompt=row.prompt, response=row.response
                )


class _Drops:
    """What is counted of dropped answers."""

    def __init__(self, pool: instructions.Pool) -> None:
        self.reasons: Counter[str] = Counter()
        self._pool = pool
        self._shown: dict[str, _Smallest] = {}

    def add(self, row: rows.Dropped) -> None:
        self.reasons[row.reason] += 1
        self._shown.setdefault(row.reason, _Smallest(1)).add(f"{row.id}:{row.response}", row)

    def examples(self) -> Iterator[Example]:
        for reason, shown in sorted(self._shown.items()):
            for row in shown.items():
                yield Example(
                    kind=self._pool.kind_of(row.prompt),
                    seed_description=row.seed_description,
                    prompt=row.prompt,
                    response=row.response,
                    reason=reason,
                )


def _lengths(values: "Sequence[int]") -> Lengths:
    if not values:
        return Lengths(mean=0.0, percentiles={})
    numbers = np.asarray(values)
    at = (0, *PERCENTILES, 100)
    found = np.percentile(numbers, at)
    return Lengths(
        mean=round(float(numbers.mean()), 2),
        percentiles={str(percent): round(float(value), 1) for percent, value in zip(at, found, strict=True)},
    )


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
