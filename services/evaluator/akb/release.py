"""A release: a folder with the questions, a data card, the licence and checksums, the same bytes for the same input."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earwitness.errors import InvalidInput
from services.evaluator.akb import card
from services.evaluator.akb.arrangement import arrange
from services.evaluator.akb.proof import RULE, prove
from services.evaluator.akb.question import Question, fault_of_form, render, repeated
from services.evaluator.akb.store.annotations import Annotations
from services.evaluator.akb.store.entries import Standing

CARD, LICENCE, SUMS = "README.md", "LICENSE", "SHA256SUMS"
PEOPLE = "people"
LICENCES = {
    "CC0-1.0": (
        "To the extent possible under law, the authors of {name} have dedicated all copyright and related and "
        "neighbouring rights to the questions to the public domain worldwide, under CC0 1.0 Universal: "
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode"
    ),
    "CC-BY-4.0": (
        "The questions of {name} are licensed under Creative Commons Attribution 4.0 International: "
        "https://creativecommons.org/licenses/by/4.0/legalcode"
    ),
    "Apache-2.0": "The questions of {name} are licensed under the Apache License 2.0: "
    "https://www.apache.org/licenses/LICENSE-2.0",
}
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A version of a benchmark, ready to be written."""

    name: str
    version: str
    licence: str
    questions: tuple[Question, ...]
    notes: str = ""
    """Markdown that the card gives before its figures: what the set is, and what it is not."""

    @property
    def file(self) -> str:
        """The name of the file of questions."""
        return f"{self.name}.jsonl"

    def files(self) -> dict[str, bytes]:
        """Returns the files of the release by name."""
        made = {
            self.file: render(self.questions),
            CARD: card.card(self.name, self.version, self.licence, self.questions, self.notes).encode(),
            LICENCE: (LICENCES[self.licence].format(name=self.name) + "\n").encode(),
        }
        sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(made.items()))
        return made | {SUMS: sums.encode()}


def compose(
    questions: Sequence[Question],
    *,
    name: str,
    version: str,
    licence: str,
    previous: Sequence[Question] = (),
    notes: str = "",
) -> Release:
    """Returns the release of verified questions.

    A question of the `previous` version keeps its id and the order of its choices; a new one gets the next numbers of
    its subcategory where it has no id, and its choices in an order that balances the letters.

    Raises InvalidInput for a name, version or licence that is none, and for questions that are not verified, refuted by
    their own rule, of the wrong form, asked twice, or of one id.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name", "--name", "give small letters, digits and hyphens")
    if not _VERSION.fullmatch(version):
        raise InvalidInput(f"{version!r} is no version", "--version", "give one such as 1.0.0")
    if licence not in LICENCES:
        raise InvalidInput(f"the licence {licence} is not known", "--licence", f"choose from {', '.join(LICENCES)}")
    _check(questions)
    arranged = arrange(_named(questions, previous), seed=name, previous=previous)
    return Release(name=name, version=version, licence=licence, questions=tuple(arranged), notes=notes)


def write(release: Release, folder: Path) -> None:
    """Writes a release into a folder, made if need be; the checksums come last, so that they speak of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in release.files().items():
        scratch = folder / f".{name}.partial"
        scratch.write_bytes(data)
        scratch.replace(folder / name)


def accepted(store: Annotations) -> list[Question]:
    """Returns the questions of a store that people have accepted, with who they rest on.

    Where a rule or source vouched for an unedited answer, that stays in the evidence.
    """
    found: list[Question] = []
    for decision in store.decisions().values():
        if decision.standing is not Standing.ACCEPTED:
            continue
        question = decision.question
        said = f"; {question.verified_by}: {question.evidence}" if question.evidence else ""
        evidence = f"{len(decision.people)} annotators: {', '.join(decision.people)}{said}"
        found.append(replace(question, verified_by=PEOPLE, evidence=evidence))
    return found


def _check(questions: Sequence[Question]) -> None:
    if not questions:
        raise InvalidInput("there is no question", "questions", "give files, or a store with accepted ones")
    for question in questions:
        if fault := fault_of_form(question):
            raise InvalidInput(fault, question.place, "correct the question")
        if not question.verified_by or not question.evidence:
            remedy = "verify it first: `earwitness akb verify`"
            raise InvalidInput("nobody and nothing has verified the answer", question.place, remedy)
    for first, again in repeated(questions):
        raise InvalidInput(f"it asks what {first.place} asks", again.place, "leave one out")
    for place, wrong in prove(question for question in questions if question.verified_by == RULE).refuted.items():
        raise InvalidInput(wrong, place, "correct the question or its evidence")


def _named(questions: Sequence[Question], previous: Iterable[Question]) -> list[Question]:
    """Returns the questions with ids: the previous version's, their own, or new ones."""
    known = {question.content: question.id for question in previous}
    ids = [known.get(question.content, question.id) for question in questions]
    id_, times = Counter(id_ for id_ in ids if id_).most_common(1)[0] if any(ids) else ("", 0)
    if times > 1:
        raise InvalidInput(f"{times} questions have the id {id_}", "id", "give each one of its own")
    taken = set(ids) | set(known.values())
    named: list[Question] = []
    for question, own in zip(questions, ids, strict=True):
        made, number = own, 1
        while not own and (not made or made in taken):
            made, number = f"{slug(question.subcategory)}-{number:02d}", number + 1
        taken.add(made)
        named.append(replace(question, id=made))
    return named


def slug(name: str) -> str:
    """Returns a name as part of an id: "Level and loudness" is "level-and-loudness"."""
    return "-".join(re.findall(r"[a-z0-9]+", name.casefold()))
