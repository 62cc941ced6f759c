"""Answers that were made elsewhere: the files of MMAU's and MMAR's own evaluation, and what they are worth.

MMAU's is a list of rows, with the answer under `model_output` in its code and `model_prediction` in its README; MMAR's
is a list or JSON lines, with `answer_prediction`. A row is the benchmark's own with the answer added, or just its `id`
with the answer. A file with several answers a row has several keys: none is preferred.

A prediction key is a field whose name has `prediction` or `output` in it and whose values are texts. A row without it,
or with null, has no prediction: the official scorers leave it out of their denominator, and ours has every item of the
benchmark in it.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from earwitness.errors import InvalidInput, MalformedRow
from services.evaluator import official
from services.evaluator.benchmarks.rows import decode
from services.evaluator.benchmarks.source import is_list, open_file
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.official import Share
from services.evaluator.scoring import UNLABELLED, Score, Tally, breakdown, score, tally

Row = dict[str, object]
_KEY = re.compile("prediction|output", re.IGNORECASE)
NO_PREDICTION = Answer(text="", finish_reason="error", error="the answer file has no prediction")


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerFile:
    """What a file answers of a benchmark."""

    name: str
    num_rows: int
    predictions: Mapping[str, dict[str, str]]
    """By prediction key, in the order of the file: the answers by the item's id."""
    absent: tuple[str, ...]
    """The benchmark's items that have no row, by id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What predictions are worth, by the official scorer and by ours."""

    official: Share
    """Of the predictions as they stand in the file."""
    ours: Tally
    """Of all items; its `official` is the match of what counts in a prediction, without "The correct answer is:"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was measured of one prediction key."""

    num_predictions: int
    total: Worth
    groups: Mapping[str, Mapping[str, Worth]]
    """By the benchmark's breakdowns and their labels."""


def read(path: Path, benchmark: Benchmark) -> AnswerFile:
    """Returns the predictions in the file.

    Raises `NotFound` if there is no file; `MalformedRow`, with file and row, if a row breaks the format, is of no item
    or of the same item as another, has other options or another right one than the benchmark, or has a number where
    other rows have a prediction; and `InvalidInput` if there is no prediction key.
    """
    items = {item.id: item for item in benchmark.items}
    places: dict[str, str] = {}
    values: dict[str, dict[str, object]] = {}
    fields: dict[str, None] = {}
    for place, row in _rows(path):
        item = _item(place, row, items, places, benchmark.name)
        places[item.id] = place
        fields |= dict.fromkeys(row)
        for key in filter(_KEY.search, row):
            values.setdefault(key, {})[item.id] = row[key]
    predictions = {key: texts for key, found in values.items() if (texts := _texts(key, found, places)) is not None}
    if not predictions:
        raise InvalidInput(
            f"no field has a prediction; there are {', '.join(fields) or 'none'}",
            path.name,
            "name the field of the answers so that it has 'prediction' or 'output' in it",
        )
    absent = tuple(id for id in items if id not in places)
    return AnswerFile(name=path.name, num_rows=len(places), predictions=predictions, absent=absent)


def measure(benchmark: Benchmark, predictions: Mapping[str, str]) -> Measured:
    """Returns what predictions, by the item's id, are worth. An item without one counts as failed."""
    scores: list[Score] = []
    passed: list[bool | None] = []
    for item in benchmark.items:
        text = predictions.get(item.id)
        scores.append(score(item, NO_PREDICTION if text is None else Answer(text=text, finish_reason="stop")))
        if text is None or item.answer is None:
            passed.append(None)
        else:
            passed.append(official.matches(text, item.answer, item.choices))
    groups = {
        key: {
            label: Worth(official=official.share(by_label[label]), ours=ours)
            for label, ours in breakdown(benchmark.items, scores, key).items()
        }
        for key in benchmark.breakdowns
        if (by_label := _grouped(benchmark.items, passed, key))
    }
    total = Worth(official=official.share(passed), ours=tally(scores))
    return Measured(num_predictions=len(predictions), total=total, groups=groups)


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yields `(place, row)` of a file that is one JSON list, or has one JSON object a line."""
    decoder = msgspec.json.Decoder(Row)
    with open_file(path) as file:
        content = file.read().removeprefix(codecs.BOM_UTF8)
    if is_list(path):
        raws = decode(content, msgspec.json.Decoder(list[msgspec.Raw]), path.name)
        places = (f"{path.name}:row {index}" for index in range(len(raws)))
        yield from ((place, decode(raw, decoder, place)) for place, raw in zip(places, raws, strict=True))
        return
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            place = f"{path.name}:{number}"
            yield place, decode(line, decoder, place)


def _item(place: str, row: Row, items: Mapping[str, Item], places: Mapping[str, str], benchmark: str) -> Item:
    """Returns the item that a row answers."""
    id = row.get("id")
    if not isinstance(id, str | int):
        raise MalformedRow("it is missing", f"{place}: id", "give every row the id of its item")
    item = items.get(str(id))
    if item is None:
        remedy = "leave the row out, or give the benchmark's own file with --data"
        raise MalformedRow(f"'{id}' is no item of {benchmark}", f"{place}: id", remedy)
    if item.id in places:
        raise MalformedRow(f"'{id}' was already answered at {places[item.id]}", f"{place}: id", "leave one of the two")
    remedy = "these are answers to another version of the benchmark; give its file with --data"
    if "choices" in row and not _same(row["choices"], item.choices):
        raise MalformedRow(f"they are not those of {benchmark}, in its order", f"{place}: choices", remedy)
    if row.get("answer") and item.answer is not None and not _same([row["answer"]], [item.answer]):
        raise MalformedRow(f"the right choice in {benchmark} is '{item.answer}'", f"{place}: answer", remedy)
    return item


def _same(theirs: object, ours: Sequence[str]) -> bool:
    """Returns whether texts are the same but for case and outer blanks."""
    return isinstance(theirs, list) and [str(text).strip().casefold() for text in theirs] == [
        text.strip().casefold() for text in ours
    ]


def _texts(key: str, found: Mapping[str, object], places: Mapping[str, str]) -> dict[str, str] | None:
    """Returns a field's texts by id, without nulls; None if it has other values, as `output_tokens` has numbers."""
    texts = {id: value for id, value in found.items() if isinstance(value, str)}
    others = [id for id, value in found.items() if not isinstance(value, str | None)]
    if others and texts:
        remedy = "give every prediction as a text, or null if there is none"
        raise MalformedRow("other rows have a text here", f"{places[others[0]]}: {key}", remedy)
    return None if others else texts


def _grouped(items: Iterable[Item], passed: Iterable[bool | None], key: str) -> dict[str, list[bool | None]]:
    groups: dict[str, list[bool | None]] = {}
    for item, each in zip(items, passed, strict=True):
        groups.setdefault(item.groups.get(key, UNLABELLED), []).append(each)
    return groups
