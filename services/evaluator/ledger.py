"""The ledger: every answer and caption ever paid for, written once, before it counts.

Rows are keyed by a hash of all that could change them, so a run that is started again finds what it has and asks only
for the rest. SQLite in WAL mode is the default; any SQLAlchemy URL of PostgreSQL works the same. It knows no scores.
"""

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from earwitness.errors import InvalidInput, NotReady
from services.evaluator.items import Answer

SCHEMA_VERSION = 1
BUSY_S = 30
"""A writer waits this long for another one."""
_metadata = sa.MetaData()
_schema = sa.Table("ledger", _metadata, sa.Column("version", sa.Integer, primary_key=True))
_answers = sa.Table(
    "answers",
    _metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("benchmark", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("setting", sa.Text, nullable=False),
    sa.Column("backbone", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("finish_reason", sa.Text, nullable=False),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
)
_captions = sa.Table(
    "captions",
    _metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("captioner", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
)
_failures = sa.Table(
    "failures",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("benchmark", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An answer with its key and what a reader of the ledger wants to know of it."""

    key: str
    benchmark: str
    item: str
    setting: str
    backbone: str
    answer: Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionEntry:
    """A caption with its key."""

    key: str
    captioner: str
    text: str


class Ledger:
    """An open ledger. Its methods block, and threads may share it.

    They raise NotReady where the database fails them, such as on a full disk.
    """

    def __init__(self, url: str) -> None:
        """Opens `sqlite:///file` or `postgresql+psycopg://...`, and makes the tables of a new one.

        Several processes may open a new one at once. Raises InvalidInput for a URL that cannot be opened, or a ledger
        of another version.
        """
        try:
            self._engine = sa.create_engine(url)
            if self._engine.dialect.name == "sqlite":
                event.listen(self._engine, "connect", _tune_sqlite)
            with self._engine.begin() as connection:
                for table in _metadata.sorted_tables:
                    connection.execute(CreateTable(table, if_not_exists=True))
                versions = connection.scalars(sa.select(_schema.c.version)).all()
                if not versions:
                    connection.execute(self._insert_new(_schema).values(version=SCHEMA_VERSION))
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise _unopened(_reason(error)) from None
        if versions and list(versions) != [SCHEMA_VERSION]:
            text = f"the ledger has version {versions[-1]}, this Earwitness reads {SCHEMA_VERSION}"
            raise InvalidInput(text, "ledger", "use the Earwitness that wrote it, or a new ledger")

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
        query = sa.select(_answers).where(_answers.c.key.in_(keys))
        with self._transaction() as connection:
            rows = {row.key: row for row in connection.execute(query)}
        return [_answer(rows[key]) if key in rows else None for key in keys]

    def captions(self, keys: Sequence[str]) -> list[str | None]:
        """Returns the caption under each key, None where there is none."""
        query = sa.select(_captions.c.key, _captions.c.text).where(_captions.c.key.in_(keys))
        with self._transaction() as connection:
            rows = {row.key: row.text for row in connection.execute(query)}
        return [rows.get(key) for key in keys]

    def record(self, entries: Sequence[Entry]) -> list[None]:
        """Commits answers. One under a key that is taken changes nothing; a failed one goes to the failures."""
        now = time.time()
        answered = [_answer_row(entry, now) for entry in entries if entry.answer.finish_reason != "error"]
        failed = [_failure_row(entry, now) for entry in entries if entry.answer.finish_reason == "error"]
        with self._transaction() as connection:
            if answered:
                connection.execute(self._insert_new(_answers), answered)
            if failed:
                connection.execute(_failures.insert(), failed)
        return [None] * len(entries)

    def record_captions(self, entries: Sequence[CaptionEntry]) -> list[None]:
        """Commits captions; one under a key that is taken changes nothing."""
        rows = [
            {"key": entry.key, "captioner": entry.captioner, "text": entry.text, "asked_at": time.time()}
            for entry in entries
        ]
        with self._transaction() as connection:
            connection.execute(self._insert_new(_captions), rows)
        return [None] * len(entries)

    def count(self) -> tuple[int, int, int]:
        """Returns the numbers of answers, captions and failures."""
        with self._transaction() as connection:
            answers, captions, failures = (
                connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (_answers, _captions, _failures)
            )
        return answers, captions, failures

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Generator[sa.Connection]:
        """Commits what is done in it, all or nothing."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            remedy = "see to the disk or the database, and start again: what was recorded is kept"
            raise NotReady(f"the database fails: {_reason(error)}", "ledger", remedy) from None

    def _insert_new(self, table: sa.Table) -> Any:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table).on_conflict_do_nothing()


def _tune_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers and the writer work side by side; a committed row survives the death of the process."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
    cursor.execute("PRAGMA synchronous=NORMAL")
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # Where two processes switch a new file to WAL at once, SQLite does not wait its busy_timeout.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    cursor.close()


def _unopened(reason: str) -> InvalidInput:
    return InvalidInput(f"the ledger cannot be opened: {reason}", "ledger", "give a writable sqlite:/// path")


def _reason(error: Exception) -> str:
    """Returns the first line of an error: SQLAlchemy's second has the statement."""
    return " ".join(str(error).split("\n")[0].split())


def _answer(row: Any) -> Answer:
    return Answer(
        text=row.text,
        finish_reason=row.finish_reason,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
    )


def _answer_row(entry: Entry, now: float) -> dict[str, object]:
    return {
        "key": entry.key,
        "benchmark": entry.benchmark,
        "item": entry.item,
        "setting": entry.setting,
        "backbone": entry.backbone,
        "text": entry.answer.text,
        "finish_reason": entry.answer.finish_reason,
        "prompt_tokens": entry.answer.prompt_tokens,
        "completion_tokens": entry.answer.completion_tokens,
        "asked_at": now,
    }


def _failure_row(entry: Entry, now: float) -> dict[str, object]:
    return {
        "key": entry.key,
        "benchmark": entry.benchmark,
        "item": entry.item,
        "error": entry.answer.error,
        "asked_at": now,
    }
