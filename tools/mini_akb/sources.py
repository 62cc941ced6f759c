"""The authored questions: how a category's YAML file is read, and what makes it whole.

A file has one category with eight subcategories of five questions each. A question has one answer and three
distractors, and says how its answer was verified: by `rule` (`evidence` is a mapping: the rule's name and its
arguments), by `source` (a citation) or by `author` (one sentence of reasoning). This module checks form; what an
answer is worth is judged in `build`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from earwitness.errors import MalformedRow, NotReady

CATEGORIES = ("Sound", "Paralinguistic", "Phonetic", "Music", "Quality", "Technical")
NUM_SUBCATEGORIES = 8
NUM_QUESTIONS = 5
NUM_DISTRACTORS = 3
FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question as its author wrote it."""

    question: str
    answer: str
    distractors: list[str]
    verified_by: Literal["rule", "source", "author"]
    evidence: str | dict[str, object]

    @property
    def choices(self) -> list[str]:
        """The answer and the distractors, in no meaningful order."""
        return [self.answer, *self.distractors]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subcategory:
    """A named group of questions."""

    name: str
    questions: list[Question]


@dataclass(frozen=True, kw_only=True, slots=True)
class Category:
    """The content of one file."""

    category: Literal["Sound", "Paralinguistic", "Phonetic", "Music", "Quality", "Technical"]
    subcategories: list[Subcategory]


def read(name: str, folder: Path = FOLDER) -> Category:
    """Returns a category; raises `NotReady` if its file is missing, `MalformedRow` if the form is wrong."""
    path = folder / f"{name.lower()}.yaml"
    if not path.is_file():
        raise NotReady(f"the category {name} has no file {path.name} yet", "categories", "name those that are written")
    try:
        category = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Category)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise MalformedRow(str(error), path.name, "correct the file") from error
    if category.category != name:
        raise MalformedRow(f"the file is about {category.category}", f"{path.name}: category", f"write {name}")
    _check_counts(category, path.name)
    for subcategory in category.subcategories:
        for question in subcategory.questions:
            _check_form(question, path.name)
    return category


def _check_counts(category: Category, file: str) -> None:
    names = [subcategory.name for subcategory in category.subcategories]
    if len(set(names)) != NUM_SUBCATEGORIES or len(names) != NUM_SUBCATEGORIES:
        raise MalformedRow(
            f"{len(set(names))} different names in {len(names)} subcategories",
            f"{file}: subcategories",
            f"write {NUM_SUBCATEGORIES}",
        )
    for subcategory in category.subcategories:
        if len(subcategory.questions) != NUM_QUESTIONS:
            message = f"{len(subcategory.questions)} questions"
            raise MalformedRow(message, f"{file}: {subcategory.name}", f"write {NUM_QUESTIONS}")


def _check_form(question: Question, file: str) -> None:
    place = f"{file}: {question.question!r}"
    texts = [question.question, *question.choices]
    if any(text != text.strip() or not text or "\n" in text for text in texts):
        raise MalformedRow("a text is blank, has outer blanks or a line break", place, "trim it")
    if len(question.distractors) != NUM_DISTRACTORS:
        raise MalformedRow(f"{len(question.distractors)} distractors", place, f"write {NUM_DISTRACTORS}")
    if len({choice.casefold() for choice in question.choices}) != len(question.choices):
        raise MalformedRow("two options are the same", place, "write four different ones")
    if isinstance(question.evidence, str) is (question.verified_by == "rule"):
        raise MalformedRow(f"the evidence is not that of a {question.verified_by}", place, "a rule needs a mapping")
    if not question.evidence:
        raise MalformedRow("there is no evidence", place, "say how the answer was verified")
