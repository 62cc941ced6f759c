"""The authored questions: how a category's YAML file is read, and what makes it whole.

A file has one category with its subcategories, in the order of the taxonomy. A question has one answer and three
distractors, and says how its answer was verified: by `rule` (`evidence` is a mapping: the rule's name and its
arguments), by `source` (a citation) or by `author` (one sentence of reasoning). New questions go to the end of their
subcategory, since ids count from its beginning. This module checks form; what an answer is worth is judged in `build`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from earwitness.errors import MalformedRow, NotReady
from services.evaluator.akb import taxonomy
from services.evaluator.akb.question import Question, fault_of_form, to_call

TAXONOMY = taxonomy.read()
CATEGORIES = tuple(category.name for category in TAXONOMY.categories)
NUM_DISTRACTORS = 3
FEWEST = 20
"""Questions that a subcategory has at the least."""
FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Authored:
    """One question as its author wrote it."""

    question: str
    answer: str
    distractors: list[str]
    verified_by: Literal["rule", "source", "author"]
    evidence: str | dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subcategory:
    """A named group of questions."""

    name: str
    questions: list[Authored]


@dataclass(frozen=True, kw_only=True, slots=True)
class Category:
    """The content of one file."""

    category: str
    subcategories: list[Subcategory]


def read(name: str, folder: Path = FOLDER) -> list[Question]:
    """Returns a category's questions in their order, the answer first among the choices.

    Raises `NotReady` if its file is missing, `MalformedRow` if the form is wrong.
    """
    path = folder / f"{name.lower()}.yaml"
    if not path.is_file():
        raise NotReady(f"the category {name} has no file {path.name} yet", "categories", "name those that are written")
    try:
        category = msgspec.convert(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader), Category)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise MalformedRow(str(error), path.name, "correct the file") from error
    if category.category != name:
        raise MalformedRow(f"the file is about {category.category}", f"{path.name}: category", f"write {name}")
    _check_places(category, path.name)
    return [
        _question(authored, category, subcategory, path.name)
        for subcategory in category.subcategories
        for authored in subcategory.questions
    ]


def _check_places(category: Category, file: str) -> None:
    wanted = [sub.name for place, sub in TAXONOMY.places if place.name == category.category]
    if [subcategory.name for subcategory in category.subcategories] != wanted:
        raise MalformedRow("these are not the subcategories of the taxonomy", f"{file}: subcategories", "write those")
    for subcategory in category.subcategories:
        if len(subcategory.questions) < FEWEST:
            message = f"{len(subcategory.questions)} questions"
            raise MalformedRow(message, f"{file}: {subcategory.name}", f"write {FEWEST}")


def _question(authored: Authored, category: Category, subcategory: Subcategory, file: str) -> Question:
    place = f"{file}: {authored.question!r}"
    question = Question(
        question=authored.question,
        choices=(authored.answer, *authored.distractors),
        answer=authored.answer,
        category=category.category,
        subcategory=subcategory.name,
        verified_by=authored.verified_by,
        evidence=authored.evidence if isinstance(authored.evidence, str) else to_call(authored.evidence),
    )
    if fault := fault_of_form(question):
        raise MalformedRow(fault, place, "correct it")
    if len(authored.distractors) != NUM_DISTRACTORS:
        raise MalformedRow(f"{len(authored.distractors)} distractors", place, f"write {NUM_DISTRACTORS}")
    if isinstance(authored.evidence, str) is (authored.verified_by == "rule"):
        raise MalformedRow(f"the evidence is not that of a {authored.verified_by}", place, "a rule needs a mapping")
    if not authored.evidence:
        raise MalformedRow("there is no evidence", place, "say how the answer was verified")
    return question
