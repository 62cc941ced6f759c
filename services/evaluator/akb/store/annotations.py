"""The open store: adds questions, hands them to annotators, takes their verdicts, and says what they come to."""

import random
import time
from collections import defaultdict
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from earwitness.errors import InvalidInput, NotFound, NotReady
from services.evaluator.akb.question import Question, fault_of_form
from services.evaluator.akb.store import schema
from services.evaluator.akb.store.entries import VERDICTS, Annotation, Decision, Standing, decide
from services.evaluator.ledger.engine import engine

NEEDED = 2
"""People who have to look at a question."""


class Annotations:
    """An open store. Its methods block, and threads and processes may share it.

    They raise NotReady where the database fails them.
    """

    def __init__(self, url: str, needed: int = NEEDED) -> None:
        """Opens `sqlite:///file` or `postgresql://...`; `needed` people have to look at each question.

        Raises InvalidInput for a URL that cannot be opened, or fewer people than one.
        """
        if needed < 1:
            raise InvalidInput("must be at least 1", "needed", "let somebody look at each question")
        self.needed = needed
        try:
            self._engine = engine(url)
            self._writer = self._engine.execution_options(writes=True)
            with self._writer.begin() as connection:
                schema.make(connection)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            remedy = "give a writable sqlite:/// path or a postgresql:// URL"
            raise InvalidInput(f"the store cannot be opened: {_reason(error)}", "store", remedy) from None

    @classmethod
    def at(cls, path: Path, needed: int = NEEDED) -> "Annotations":
        """Opens an SQLite file, in a folder that is made if need be; raises as the constructor does."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path}", needed)

    def add(self, questions: Sequence[Question]) -> int:
        """Adds what the store does not know yet, by content; returns how many that were. Raises InvalidInput."""
        for question in questions:
            if fault := fault_of_form(question):
                raise InvalidInput(fault, question.place, "correct the question")
        with self._write() as connection:
            known = set(connection.scalars(sa.select(schema.questions.c.key)))
            last = connection.scalar(sa.select(sa.func.max(schema.questions.c.position))) or 0
            new = {question.content: question for question in questions if question.content not in known}
            rows = [
                {"key": key, "position": last + at, "content": _json(question), "added_at": time.time()}
                for at, (key, question) in enumerate(new.items(), start=1)
            ]
            if rows:
                connection.execute(schema.questions.insert(), rows)
        return len(new)

    def questions(self) -> dict[str, Question]:
        """Returns every question as it was added, by its key, in order."""
        query = sa.select(schema.questions.c.key, schema.questions.c.content).order_by(schema.questions.c.position)
        with self._read() as connection:
            return {key: msgspec.json.decode(content, type=Question) for key, content in connection.execute(query)}

    def question(self, key: str) -> Question:
        """Returns one question as it was added; raises NotFound."""
        query = sa.select(schema.questions.c.content).where(schema.questions.c.key == key)
        with self._read() as connection:
            content = connection.scalar(query)
        if content is None:
            raise NotFound(f"there is no question {key[:12]!r}", "question", "take one that the store handed out")
        return msgspec.json.decode(content, type=Question)

    def next_for(self, annotator: str, *, passing: Collection[str] = ()) -> tuple[str, Question] | None:
        """Returns a question, with its key, that wants this annotator's verdict; None if there is none.

        Those that others have begun come first, each person's in an order of their own, so that two rarely get the same
        one at once. What the others said is no part of it. `passing` names those that were put off.
        """
        first = schema.annotations.c.round == "first"
        people = sa.func.count(sa.distinct(schema.annotations.c.annotator))
        looked = sa.select(schema.annotations.c.question, people.label("people")).where(first)
        counted = looked.group_by(schema.annotations.c.question).subquery()
        own = sa.select(schema.annotations.c.question).where(first, schema.annotations.c.annotator == annotator)
        begun = sa.func.coalesce(counted.c.people, 0)
        query = (
            sa.select(schema.questions.c.key, begun)
            .outerjoin(counted, counted.c.question == schema.questions.c.key)
            .where(schema.questions.c.key.not_in(own), begun < self.needed)
        )
        with self._read() as connection:
            waiting = [(key, number) for key, number in connection.execute(query) if key not in passing]
        if not waiting:
            return None
        most = max(number for _, number in waiting)
        key = min((key for key, number in waiting if number == most), key=lambda key: _lot(annotator, key))
        return key, self.question(key)

    def record(self, annotation: Annotation) -> None:
        """Writes a verdict down beside all earlier ones.

        Raises InvalidInput for a verdict that says nothing: an edit without a change, an edit of the wrong form, an
        adjudication by one of the annotators, or no name.
        """
        question = self.question(annotation.question)
        _check(annotation, question)
        if annotation.round == "adjudication":
            said = self.of(annotation.question)
            if annotation.annotator in {each.annotator for each in said if each.round == "first"}:
                remedy = "let somebody adjudicate who gave no verdict"
                raise InvalidInput("is one of those who disagree", "annotator", remedy)
        row = {name: getattr(annotation, name) for name in Annotation.__dataclass_fields__}
        row |= {"edited": _json(annotation.edited) if annotation.edited else "", "at": time.time()}
        with self._write() as connection:
            connection.execute(schema.annotations.insert().values(row))

    def of(self, question: str) -> list[Annotation]:
        """Returns a question's annotations, the oldest first."""
        table = schema.annotations
        with self._read() as connection:
            rows = connection.execute(sa.select(table).where(table.c.question == question).order_by(table.c.id))
            return [_annotation(row) for row in rows.mappings()]

    def everything(self) -> Iterator[tuple[str, Question, list[Annotation]]]:
        """Yields every question with its key and its annotations, the oldest first."""
        grouped: defaultdict[str, list[Annotation]] = defaultdict(list)
        with self._read() as connection:
            for row in connection.execute(sa.select(schema.annotations).order_by(schema.annotations.c.id)).mappings():
                grouped[row["question"]].append(_annotation(row))
        for key, question in self.questions().items():
            yield key, question, grouped[key]

    def decisions(self) -> dict[str, Decision]:
        """Returns what the verdicts on each question come to, by its key."""
        return {key: decide(question, said, self.needed) for key, question, said in self.everything()}

    def disputes(self) -> list[tuple[str, Question, list[Annotation]]]:
        """Returns the questions that want an adjudication, with what was said of them."""
        return [
            (key, question, said)
            for key, question, said in self.everything()
            if decide(question, said, self.needed).standing is Standing.DISPUTED
        ]

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Generator[sa.Connection]:
        with self._guarded(self._engine) as connection:
            yield connection

    @contextmanager
    def _write(self) -> Generator[sa.Connection]:
        with self._guarded(self._writer) as connection:
            yield connection

    @contextmanager
    def _guarded(self, on: sa.Engine) -> Generator[sa.Connection]:
        try:
            with on.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            remedy = "see to the disk or the database: what was recorded is kept"
            raise NotReady(f"the database fails: {_reason(error)}", "store", remedy) from None


def _check(annotation: Annotation, question: Question) -> None:
    if not annotation.annotator.strip():
        raise InvalidInput("is blank", "annotator", "say who you are")
    if annotation.verdict not in VERDICTS:
        raise InvalidInput(f"is none of {', '.join(VERDICTS)}", "verdict", "choose one")
    if (annotation.edited is not None) is not (annotation.verdict == "edit"):
        raise InvalidInput("belongs to the verdict 'edit', and to no other", "edited", "give what it should read")
    if annotation.choice and annotation.choice not in question.choices:
        raise InvalidInput("is none of the choices", "choice", "give the text of one")
    if annotation.edited is not None:
        if fault := fault_of_form(annotation.edited):
            raise InvalidInput(fault, "edited", "correct it")
        if replace(annotation.edited, id=question.id) == question:
            raise InvalidInput("changes nothing", "edited", "accept the question instead")


def _annotation(row: Any) -> Annotation:
    fields: dict[str, Any] = {name: row[name] for name in Annotation.__dataclass_fields__}
    fields["edited"] = msgspec.json.decode(row["edited"], type=Question) if row["edited"] else None
    return Annotation(**fields)


def _json(question: Question) -> str:
    return msgspec.json.encode(question).decode()


def _lot(annotator: str, key: str) -> float:
    return random.Random(f"{annotator}\n{key}").random()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split("\n")[0].split())
