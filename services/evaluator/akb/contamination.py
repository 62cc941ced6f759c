"""Contamination: questions whose words stand in another set, such as a public benchmark or a training file.

By runs of words in common, as T. Brown et al., "Language Models are Few-Shot Learners" (2020), appendix C, did with 13
words; questions are short, so that here it is 8, or the whole of a shorter question.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness.errors import MalformedRow, NotFound
from services.evaluator.akb.checks import Finding
from services.evaluator.akb.question import Question, words

WORDS = 8
SHARE = 0.5
"""The share of a question's runs from which it counts as known elsewhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherSet:
    """The word runs of another set, by their hash, and the place of each."""

    name: str
    places: dict[int, str]


def index(name: str, rows: Iterable[tuple[str, str]], number: int = WORDS) -> OtherSet:
    """Returns the word runs of texts with their places; shorter texts count as one run."""
    places: dict[int, str] = {}
    for place, text in rows:
        for run in _runs(text, number):
            places.setdefault(hash(run), place)
    return OtherSet(name=name, places=places)


def contamination(questions: Sequence[Question], other: OtherSet, number: int = WORDS) -> list[Finding]:
    """Finds questions of which at least half of the word runs stand in the other set."""
    found: list[Finding] = []
    for question in questions:
        runs = _runs(question.question, number)
        known = [other.places[hash(run)] for run in runs if hash(run) in other.places]
        if runs and len(known) >= SHARE * len(runs):
            text = f"{len(known)} of its {len(runs)} word runs stand in {other.name}, first at {known[0]}"
            found.append(Finding(check="contamination", place=question.place, text=text))
    return found


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Yields every text of a JSONL file with its place, whatever the keys; raises NotFound and MalformedRow."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    place = f"{path.name}:{number}"
                    for text in _strings(_decoded(line, place)):
                        yield place, text
    except OSError:
        raise NotFound(f"there is no file {path}", "--against", "check the path") from None


def _decoded(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise MalformedRow(str(error), place, "give a file with one JSON object a line") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _runs(text: str, number: int) -> set[tuple[str, ...]]:
    found = words(text)
    if len(found) <= number:
        return {tuple(found)} if len(found) > 3 else set()
    return {tuple(found[at : at + number]) for at in range(len(found) - number + 1)}
