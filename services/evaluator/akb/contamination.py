"""Contamination: questions whose words stand in another set, such as a public benchmark or a training file.

By runs of words in common, as T. Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C, did with 13
words; questions are short, so that here it is 8, or the whole of a shorter question. The other set is only streamed
through: what is kept is the runs of the questions.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from earwitness.errors import MalformedRow
from services.evaluator.akb.checks import Finding
from services.evaluator.akb.question import Question, words
from services.evaluator.benchmarks.source import is_list

WORDS = 8
FEWEST = 4
"""A question of fewer words is never called known: too much is asked in the same three."""
SHARE = 0.5
"""The share of a question's runs from which it counts as known elsewhere."""
Run = tuple[str, ...]


def contamination(questions: Sequence[Question], name: str, rows: Iterable[tuple[str, str]]) -> list[Finding]:
    """Finds questions of which at least half of the word runs stand in another set, given as texts with their places.

    `name` is what the findings call the set.
    """
    runs = {question.place: _runs_of(question) for question in questions}
    places = _places({run for own in runs.values() for run in own}, rows)
    found: list[Finding] = []
    for question in questions:
        own = runs[question.place]
        known = [places[run] for run in own if run in places]
        if own and len(known) >= SHARE * len(own):
            text = f"{len(known)} of its {len(own)} word runs stand in {name}, first at {known[0]}"
            found.append(Finding(check="contamination", place=question.place, text=text))
    return found


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Yields every text of a JSONL file, or of one JSON list, with its place, whatever the keys.

    Raises NotFound and MalformedRow.
    """
    try:
        if is_list(path):
            for number, row in enumerate(_decoded(path.read_text(encoding="utf-8-sig"), path.name)):
                yield from ((f"{path.name}:row {number}", text) for text in _strings(row))
            return
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    place = f"{path.name}:{number}"
                    yield from ((place, text) for text in _strings(_decoded(line, place)))
    except UnicodeDecodeError as error:
        raise MalformedRow(str(error), path.name, "give a file in UTF-8") from None


def _places(wanted: set[Run], rows: Iterable[tuple[str, str]]) -> dict[Run, str]:
    """Returns where each of the runs stands first."""
    lengths = sorted({len(run) for run in wanted})
    places: dict[Run, str] = {}
    for place, text in rows:
        found = words(text)
        for length in lengths:
            for run in _runs(found, length):
                if run in wanted:
                    places.setdefault(run, place)
    return places


def _runs_of(question: Question) -> list[Run]:
    found = words(question.question)
    return list(dict.fromkeys(_runs(found, min(len(found), WORDS)))) if len(found) >= FEWEST else []


def _runs(found: list[str], length: int) -> Iterator[Run]:
    return (tuple(found[at : at + length]) for at in range(len(found) - length + 1))


def _decoded(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedRow(str(error), place, "give a file with one JSON object a line, or one list") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)
