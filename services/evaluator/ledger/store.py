"""The open ledger: answers, captions, failures and runs, on SQLite in WAL mode or on PostgreSQL."""

import json
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from earwitness.errors import InvalidInput, NotReady
from services.evaluator.items import Answer
from services.evaluator.ledger import schema
from services.evaluator.ledger.claims import Claims, Heart
from services.evaluator.ledger.engine import engine
from services.evaluator.ledger.entries import CaptionEntry, Entry, Leg, answer_row, failure_row
from services.evaluator.ledger.migrations import migrate
from services.evaluator.ledger.runs import Runs
from services.evaluator.ledger.statements import Statements


class Claimed(Enum):
    """What a claim on an unanswered key came to."""

    MINE = "mine"
    BUSY = "busy"
    """Another evaluator asks it at the moment."""


MINE, BUSY = Claimed.MINE, Claimed.BUSY


class Ledger:
    """An open ledger. Its methods block, and threads may share it.

    They raise NotReady where the database fails them, such as on a full disk.
    """

    def __init__(self, url: str) -> None:
        """Opens `sqlite:///file` or `postgresql://...`; makes the tables of a new one, brings an older one up to date.

        Several processes may open a new one at once. Raises InvalidInput for a URL that cannot be opened, or a ledger
        of a later version.
        """
        try:
            self._engine = engine(url)
            self._writer = self._engine.execution_options(writes=True)
            with self._writer.begin() as connection:
                migrate(connection)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise _unopened(_reason(error)) from None
        self._statements = Statements(self._engine.dialect)
        self._claims = Claims(self._statements)
        self._writing = threading.Lock()
        self._heart: Heart | None = None
        self._all_new = False
        """Whether nothing was known of the keys that were looked for last."""
        self.runs = Runs(self._transaction, self._write, self._live, self._claims)

    @classmethod
    def at(cls, path: Path) -> "Ledger":
        """Opens an SQLite file, in a folder that is made if need be; raises as the constructor does."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unopened(f"{path.parent}: {error.strerror}") from None
        return cls(f"sqlite:///{path}")

    def answers(self, keys: Sequence[str]) -> list[Answer | None]:
        """Returns the answer under each key, None where there is none."""
        with self._transaction() as connection:
            found = self._answers(connection, keys)
        return [found.get(key) for key in keys]

    def captions(self, keys: Sequence[str]) -> list[str | None]:
        """Returns the caption under each key, None where there is none."""
        with self._transaction() as connection:
            found = self._captions(connection, keys)
        return [found.get(key) for key in keys]

    def answer_or_claim(self, keys: Sequence[str]) -> list[Answer | Claimed]:
        """Returns the answer under each key; where there is none, MINE if it is now ours to ask, else BUSY."""
        return self._find_or_claim(keys, self._answers)

    def caption_or_claim(self, keys: Sequence[str]) -> list[str | Claimed]:
        """Returns the caption under each key; where there is none, MINE if it is now ours to ask, else BUSY."""
        return self._find_or_claim(keys, self._captions)

    def record(self, entries: Sequence[Entry]) -> list[None]:
        """Commits answers and ends their claims.

        One under a key that is taken changes nothing; a failed one goes to the failures.
        """
        now = time.time()
        answered = [answer_row(entry, now) for entry in entries if entry.answer.finish_reason != "error"]
        failed = [failure_row(entry, now) for entry in entries if entry.answer.finish_reason == "error"]
        with self._write() as connection:
            if answered:
                connection.exec_driver_sql(self._statements.put_answers, sorted(answered, key=lambda row: row["key"]))
            if failed:
                connection.execute(schema.failures.insert(), failed)
            self._claims.give_back(connection, (entry.key for entry in entries))
        return [None] * len(entries)

    def record_captions(self, entries: Sequence[CaptionEntry]) -> list[None]:
        """Commits captions and ends their claims; one under a key that is taken changes nothing."""
        now = time.time()
        rows = [{**asdict(entry), "asked_at": now} for entry in sorted(entries, key=lambda entry: entry.key)]
        with self._write() as connection:
            connection.exec_driver_sql(self._statements.put_captions, rows)
            self._claims.give_back(connection, (entry.key for entry in entries))
        return [None] * len(entries)

    def release(self, keys: Sequence[str]) -> list[None]:
        """Ends claims without an answer, so that another may ask."""
        with self._write() as connection:
            self._claims.give_back(connection, keys)
        return [None] * len(keys)

    def note_leg(self, leg: Leg) -> None:
        """Writes down what a start of a run has done so far, in place of what it had done before."""
        with self._write() as connection:
            connection.execute(schema.legs.delete().where(schema.legs.c.id == leg.id))
            connection.execute(schema.legs.insert().values(asdict(leg)))

    def legs(self, run: str) -> list[Leg]:
        """Returns what each start of a run has done."""
        with self._transaction() as connection:
            rows = connection.execute(sa.select(schema.legs).where(schema.legs.c.run == run)).mappings()
            return [Leg(**row) for row in rows]

    def count(self) -> tuple[int, int, int]:
        """Returns the numbers of answers, captions and failures."""
        with self._transaction() as connection:
            answers, captions, failures = (
                connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (schema.answers, schema.captions, schema.failures)
            )
        return answers, captions, failures

    def close(self) -> None:
        """Ends our claims and closes every connection."""
        if self._heart:
            self._heart.stop()
            with self._write() as connection:
                self._claims.leave(connection)
        self._engine.dispose()

    def _find_or_claim(self, keys: Sequence[str], find: Any) -> list[Any]:
        found: dict[str, Any] = {}
        if not self._all_new:  # else most likely these are too, and a look would be in vain
            with self._transaction() as connection:
                found = find(connection, keys)
        missing = [key for key in keys if key not in found]
        if missing:
            self._live()
            with self._write() as connection:
                ours = self._claims.take(connection, missing)
                late = find(connection, missing)  # answered since we looked
                if late:
                    self._claims.give_back(connection, late)
            found |= {key: MINE for key in ours} | late
        self._all_new = all(found.get(key) is MINE for key in keys)
        return [found.get(key, BUSY) for key in keys]

    def _live(self) -> None:
        """Says that we are here, from the first claim on."""
        with self._writing:
            starting = self._heart is None
            if starting:
                self._heart = Heart(self._beat)
        if starting:
            self._beat()

    def _beat(self) -> None:
        try:
            with self._write() as connection:
                self._claims.beat(connection)
        except NotReady:  # the next beat may succeed, and the run itself will say what fails
            return

    @contextmanager
    def _transaction(self) -> Generator[sa.Connection]:
        """Reads."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _failing(error) from None

    @contextmanager
    def _write(self) -> Generator[sa.Connection]:
        """Commits what is done in it, all or nothing; one at a time, since SQLite's own waiting is slow."""
        try:
            with self._writing, self._writer.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _failing(error) from None

    def _answers(self, connection: sa.Connection, keys: Sequence[str]) -> dict[str, Answer]:
        rows = connection.exec_driver_sql(self._statements.find_answers, {"keys": self._statements.many(keys)})
        return {
            key: Answer(
                text=text,
                finish_reason=finish_reason,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                option_scores=tuple(json.loads(scores)) if scores else (),
            )
            for key, text, finish_reason, prompt_tokens, completion_tokens, scores in rows
        }

    def _captions(self, connection: sa.Connection, keys: Sequence[str]) -> dict[str, str]:
        rows = connection.exec_driver_sql(self._statements.find_captions, {"keys": self._statements.many(keys)})
        return {key: text for key, text in rows}


def _failing(error: SQLAlchemyError) -> NotReady:
    remedy = "see to the disk or the database, and start again: what was recorded is kept"
    return NotReady(f"the database fails: {_reason(error)}", "ledger", remedy)


def _unopened(reason: str) -> InvalidInput:
    return InvalidInput(
        f"the ledger cannot be opened: {reason}", "ledger", "give a writable sqlite:/// path or a postgresql:// URL"
    )


def _reason(error: Exception) -> str:
    """Returns the first line of an error: SQLAlchemy's second has the statement."""
    return " ".join(str(error).split("\n")[0].split())
