"""The database under the ledger: SQLite tuned for many small commits, or PostgreSQL through psycopg."""

import sqlite3
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

BUSY_S = 30
"""A writer waits this long for another one."""
CACHE_KIB = 32 << 10
"""SQLite's page cache for each connection: its default of 2 MiB makes inserts slower as the ledger grows."""


def engine(url: str) -> sa.Engine:
    """Returns an engine for a URL; raises what SQLAlchemy raises, or ModuleNotFoundError for a missing driver."""
    parsed = sa.make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        planned = {"options": "-c enable_seqscan=off"}  # a plan made while a table is empty reads all of it for ever
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=planned)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    made = sa.create_engine(parsed, paramstyle="named")
    event.listen(made, "connect", _tune_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes the lock at once: one that read first could not wait for another to end."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _tune_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers and the writer work side by side; a committed row survives the death of the process."""
    connection.isolation_level = None  # `_begin_sqlite` begins
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
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
