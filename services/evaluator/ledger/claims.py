"""Who asks what: an evaluator claims a key before it pays for the answer, and gives it back with the answer.

A claim stands as long as its owner lives. An owner that was killed is noticed at once on its own machine, elsewhere
when it has not been heard of for `LEASE_S`.
"""

import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from services.evaluator.ledger import schema
from services.evaluator.ledger.statements import Statements

LEASE_S = 30.0
"""An owner that was silent for so long is dead."""
BEAT_S = LEASE_S / 6
LOOK_S = 0.5
"""Between two looks for dead owners."""


def name_owner() -> str:
    """Returns a name for this process's ledger: where it runs, which process it is, and a random part."""
    process = psutil.Process()
    return f"{_machine()}/{process.pid}/{process.create_time():.2f}/{uuid.uuid4().hex[:8]}"


def is_gone(owner: str) -> bool:
    """Says whether an owner is a process of this machine that has ended; False where that cannot be known."""
    machine, pid, created, _ = owner.rsplit("/", 3)
    if machine != _machine():
        return False
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(created)) > 1.0
    except psutil.NoSuchProcess:
        return True


class Claims:
    """The claims of one owner. Its methods run within a writing transaction of the ledger."""

    def __init__(self, statements: Statements) -> None:
        self.owner = name_owner()
        self._statements = statements
        self._looked_at = 0.0

    def take(self, connection: sa.Connection, keys: Sequence[str]) -> set[str]:
        """Claims what nobody else has, and returns the keys that are ours."""
        wanted = sorted(set(keys))  # one order, against deadlocks
        ours = self._taken(connection, wanted)
        if len(ours) == len(wanted):
            return ours
        ours |= self._ours(connection, wanted)
        if len(ours) < len(wanted) and self._reap(connection):
            ours |= self._taken(connection, wanted)
        return ours

    def give_back(self, connection: sa.Connection, keys: Iterable[str]) -> None:
        """Ends our claims on keys."""
        connection.exec_driver_sql(self._statements.drop_claims, self._of(keys))

    def beat(self, connection: sa.Connection) -> None:
        """Says that the owner lives."""
        now = _now(connection)
        found = connection.execute(
            schema.owners.update().where(schema.owners.c.owner == self.owner).values(seen_at=now)
        )
        if not found.rowcount:
            connection.execute(schema.owners.insert().values(owner=self.owner, seen_at=now))

    def leave(self, connection: sa.Connection) -> None:
        """Ends all of our claims."""
        for table in (schema.claims, schema.owners):
            connection.execute(table.delete().where(table.c.owner == self.owner))

    def _taken(self, connection: sa.Connection, keys: Sequence[str]) -> set[str]:
        return {key for (key,) in connection.exec_driver_sql(self._statements.take_claims, self._of(keys))}

    def _ours(self, connection: sa.Connection, keys: Sequence[str]) -> set[str]:
        return {key for (key,) in connection.exec_driver_sql(self._statements.find_claims, self._of(keys))}

    def _of(self, keys: Iterable[str]) -> dict[str, Any]:
        return {"keys": self._statements.many(keys), "claimant": self.owner}

    def _reap(self, connection: sa.Connection) -> bool:
        """Ends the claims of dead owners; says whether there were any."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return False
        self._looked_at = time.monotonic()
        silent = schema.owners.c.seen_at < _now(connection) - LEASE_S
        owners = connection.execute(sa.select(schema.owners.c.owner, silent.label("silent"))).all()
        dead = [row.owner for row in owners if row.owner != self.owner and (row.silent or is_gone(row.owner))]
        connection.execute(schema.owners.delete().where(schema.owners.c.owner.in_(dead)))
        alive = sa.select(schema.owners.c.owner)
        return connection.execute(schema.claims.delete().where(schema.claims.c.owner.not_in(alive))).rowcount > 0


class Heart:
    """A thread that calls `beat` every `BEAT_S` until it is stopped: a busy event loop must not look dead."""

    def __init__(self, beat: Any) -> None:
        self._beat = beat
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-heart", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_S):
            self._beat()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()


def _now(connection: sa.Connection) -> sa.ColumnElement[float]:
    """The database's own clock, in seconds: the evaluators' may differ."""
    if connection.dialect.name == "postgresql":
        return sa.func.extract("epoch", sa.func.clock_timestamp()).cast(sa.Float)
    return (sa.func.julianday("now") - 2440587.5) * 86400.0


def _machine() -> str:
    """Names the machine and, in it, the container, whose process numbers are its own."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.is_file():
        return f"{boot.read_text().strip()}:{space.readlink()}"
    return f"{uuid.getnode():x}"
