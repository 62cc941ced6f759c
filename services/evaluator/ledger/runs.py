"""The runs that the evaluator service was told to do: rows that a client makes and one evaluator at a time works on.

Who works on a run has claimed its key, as an answer's key is claimed; what a killed evaluator leaves behind is claimed
anew. A run's spec is text to the ledger, and so is its account: how far it came, and what came of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from earwitness.errors import InvalidInput, NotFound, Overloaded
from earwitness.runs import RunState
from services.evaluator.ledger.claims import Claims
from services.evaluator.ledger.schema import runs

CANDIDATES = 64
"""Runs that are looked at when one is to be claimed: more than all evaluators work on at once."""
NAMED = 5
RETRY_AFTER_S = 30.0
"""A run takes minutes: the queue is hardly shorter before."""
UNFINISHED = [state.value for state in RunState if not state.is_final]
WAITING = [RunState.QUEUED.value, RunState.INTERRUPTED.value]
Transaction = Callable[[], AbstractContextManager[sa.Connection]]
Cursor = tuple[float, str]
"""Where a page of runs begins: after the run that was created then and has this id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """A run as it stands in the ledger."""

    id: str
    spec: str
    state: RunState
    error: str
    account: str
    """"" before anything came of it."""
    created_at: float


class Runs:
    """The runs of a ledger. Its methods block, and threads may share it."""

    def __init__(self, read: Transaction, write: Transaction, live: Callable[[], None], claims: Claims) -> None:
        """`read` and `write` open transactions, `live` keeps the owner of the `claims` alive from then on."""
        self._read = read
        self._write = write
        self._live = live
        self._claims = claims

    def create(self, id: str, spec: str, *, chosen: bool, most_waiting: int) -> RunRow:
        """Adds a run to the queue, or returns the unfinished one of the same spec, or the one of the chosen name.

        Raises InvalidInput for a chosen name that has another spec, Overloaded where `most_waiting` runs wait already.
        """
        with self._write() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
                connection.exec_driver_sql("LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE")
            same = runs.c.id == id if chosen else sa.and_(runs.c.spec == spec, runs.c.state.in_(UNFINISHED))
            known = _first(connection, same)
            if known and known.spec != spec:
                raise InvalidInput(f"the run {id} has another spec", "id", "choose another name, or none")
            if known:
                return known
            query = sa.select(sa.func.count()).where(runs.c.state.in_(WAITING))
            waiting = connection.scalar(query) or 0
            if waiting >= most_waiting:
                remedy = f"try again in {RETRY_AFTER_S:g} s"
                raise Overloaded(f"{waiting} runs wait already", "queue", remedy, RETRY_AFTER_S)
            row = {"id": id, "spec": spec, "state": RunState.QUEUED.value, "error": "", "result": ""}
            connection.execute(runs.insert().values(**row, created_at=time.time()))
            return _find(connection, id)

    def find(self, id: str) -> RunRow:
        """Returns a run; raises NotFound, with the newest that there are."""
        with self._read() as connection:
            return _find(connection, id)

    def page(self, most: int, *, after: Cursor | None = None, state: RunState | None = None) -> list[RunRow]:
        """Returns the newest runs, or those that follow `after`, the newest first."""
        query = sa.select(runs).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(most)
        if after:
            at, id = after
            query = query.where(
                sa.or_(runs.c.created_at < at, sa.and_(runs.c.created_at == at, runs.c.id < id)),
            )
        if state:
            query = query.where(runs.c.state == state.value)
        with self._read() as connection:
            return [_row(each) for each in connection.execute(query).mappings()]

    def counts(self) -> dict[RunState, int]:
        """Returns the number of runs in each state."""
        query = sa.select(runs.c.state, sa.func.count()).group_by(runs.c.state)
        with self._read() as connection:
            counted = {state: number for state, number in connection.execute(query)}
        return {state: counted.get(state.value, 0) for state in RunState}

    def claim(self, most: int, own: Sequence[str]) -> list[RunRow]:
        """Claims the oldest unfinished runs that no living evaluator works on, and sets them running.

        `own` are those that the caller works on. What was being cancelled when its evaluator died is cancelled.
        """
        query = sa.select(runs).where(runs.c.state.in_(UNFINISHED), runs.c.id.not_in(own))
        query = query.order_by(runs.c.created_at, runs.c.id).limit(CANDIDATES)
        with self._read() as connection:
            candidates = [each["id"] for each in connection.execute(query).mappings()]
        if not candidates or most < 1:
            return []
        self._live()
        with self._write() as connection:
            ours = self._claims.take(connection, [_key(id) for id in candidates])
            free = [_find(connection, id, lock=True) for id in candidates if _key(id) in ours]
            given_up = [row.id for row in free if row.state == RunState.CANCELLING]
            _set(connection, runs.c.id.in_(given_up), state=RunState.CANCELLED)
            left = [row for row in free if row.id not in given_up and not row.state.is_final]
            claimed = [replace(row, state=RunState.RUNNING) for row in left[:most]]
            kept = [row.id for row in claimed]
            _set(connection, runs.c.id.in_(kept), state=RunState.RUNNING)
            self._claims.give_back(connection, [_key(row.id) for row in free if row.id not in kept])
        return claimed

    def note(self, accounts: Mapping[str, str]) -> dict[str, RunState]:
        """Writes down accounts of runs that the caller works on; returns the states of those that are still its own."""
        self._live()
        with self._write() as connection:
            ours = self._claims.take(connection, [_key(id) for id in accounts])
            states = {id: _find(connection, id, lock=True).state for id in sorted(accounts) if _key(id) in ours}
            ended = [id for id, state in states.items() if state.is_final]  # while this was on its way
            for id in states.keys() - ended:
                _set(connection, runs.c.id == id, result=accounts[id])
            self._claims.give_back(connection, [_key(id) for id in ended])
            return states

    def end(self, id: str, state: RunState, account: str, error: str = "") -> None:
        """Gives a run that the caller works on its end; one that was to be cancelled is not merely interrupted.

        Does nothing where somebody else has taken the run over.
        """
        with self._write() as connection:
            if not self._claims.take(connection, [_key(id)]):
                return
            now = _find(connection, id, lock=True).state
            if state == RunState.INTERRUPTED and now == RunState.CANCELLING:
                state = RunState.CANCELLED
            if not now.is_final:
                _set(connection, runs.c.id == id, state=state, result=account, error=error)
            self._claims.give_back(connection, [_key(id)])

    def cancel(self, id: str) -> RunRow:
        """Cancels a run that waits, marks one that is worked on, and leaves one that has ended; raises NotFound."""
        with self._write() as connection:
            now = _find(connection, id, lock=True)
            if now.state.value in WAITING:
                _set(connection, runs.c.id == id, state=RunState.CANCELLED)
            elif now.state == RunState.RUNNING:
                _set(connection, runs.c.id == id, state=RunState.CANCELLING)
            return _find(connection, id)


def _key(id: str) -> str:
    return f"run:{id}"


def _first(connection: sa.Connection, where: sa.ColumnElement[bool], *, lock: bool = False) -> RunRow | None:
    query = sa.select(runs).where(where).limit(1)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return _row(row) if row else None


def _find(connection: sa.Connection, id: str, *, lock: bool = False) -> RunRow:
    found = _first(connection, runs.c.id == id, lock=lock)
    if found is None:
        newest = sa.select(runs.c.id).order_by(runs.c.created_at.desc()).limit(NAMED)
        known = ", ".join(connection.scalars(newest)) or "none yet"
        raise NotFound(f"there is no run {id[:60]!r}", "id", f"the newest are {known}")
    return found


def _set(connection: sa.Connection, where: sa.ColumnElement[bool], **values: str) -> None:
    connection.execute(runs.update().where(where).values(**{name: str(value) for name, value in values.items()}))


def _row(row: Any) -> RunRow:
    return RunRow(
        id=row["id"],
        spec=row["spec"],
        state=RunState(row["state"]),
        error=row["error"],
        account=row["result"],
        created_at=row["created_at"],
    )
