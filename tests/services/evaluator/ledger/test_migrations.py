from contextlib import closing

import pytest

from earwitness.errors import InvalidInput
from services.evaluator.items import Answer
from services.evaluator.ledger import SCHEMA_VERSION, Ledger
from tests.services.evaluator.ledger.test_store import entry

VERSION_1 = (
    "CREATE TABLE ledger (version INTEGER PRIMARY KEY)",
    "INSERT INTO ledger VALUES (1)",
    "CREATE TABLE answers (key VARCHAR(64) PRIMARY KEY, benchmark TEXT NOT NULL, item TEXT NOT NULL,"
    " setting TEXT NOT NULL, backbone TEXT NOT NULL, text TEXT NOT NULL, finish_reason TEXT NOT NULL,"
    " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, asked_at FLOAT NOT NULL)",
    "CREATE TABLE captions (key VARCHAR(64) PRIMARY KEY, captioner TEXT NOT NULL,"
    " text TEXT NOT NULL, asked_at FLOAT NOT NULL)",
    "INSERT INTO answers VALUES ('1', 'b', 'i', 'text', 'echo', '(A)', 'stop', 3, 1, 0)",
    "INSERT INTO captions VALUES ('2', 'c', 'A bell.', 0)",
)
"""A ledger as Earwitness 0.1.0 wrote it."""


def test_a_ledger_of_version_1_keeps_its_answers_and_takes_new_ones(url, rows):
    for statement in VERSION_1:
        rows(statement)
    for _ in range(2):
        with closing(Ledger(url)) as ledger:
            old = Answer(text="(A)", finish_reason="stop", prompt_tokens=3, completion_tokens=1)
            assert ledger.answers(["1"]) == [old]
            assert ledger.captions(["2"]) == ["A bell."]
            ledger.record([entry("3")])
            assert ledger.answers(["3"]) == [entry("3").answer]
    assert rows("SELECT version FROM ledger") == [(SCHEMA_VERSION,)]


def test_a_ledger_of_a_later_version_is_refused(url, rows):
    Ledger(url).close()
    rows("UPDATE ledger SET version = 99")
    with pytest.raises(InvalidInput, match=f"version 99, this Earwitness reads {SCHEMA_VERSION}") as caught:
        Ledger(url)
    assert caught.value.field == "ledger"
