import random

import pytest

from earwitness.errors import InvalidInput, MalformedRow
from services.trainer import rows
from services.trainer.instructions import pool
from services.trainer.journal import Journal
from services.trainer.tasks import plan, settled
from tests.services.trainer.conftest import sample
from tests.services.trainer.test_tasks import answered

TASKS = plan([sample(number) for number in range(10)], pool(), per_sample=1, seed=0)


def outcome(number: int, text: str = "A noise.", **changed):
    return settled(TASKS[number], answered(text, **changed), "noises", 16)


OUTCOMES = [outcome(number, "" if number in (2, 5) else f"Noise {number}.") for number in range(10)]


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "targets" / "train.jsonl")


def contents(journal) -> list[bytes]:
    return [path.read_bytes() for path in (journal.path, journal.dropped_path)]


def test_a_new_journal_is_empty(journal):
    assert journal.open(TASKS, 16).kept == frozenset()
    assert contents(journal) == [b"", b""]
    journal.arrange(TASKS)
    assert contents(journal) == [b"", b""]


def test_answers_in_any_order_are_the_same_bytes(journal, tmp_path):
    journal.open(TASKS, 16)
    journal.append(OUTCOMES)
    ordered = contents(journal)
    for seed in range(5):
        other = Journal(tmp_path / str(seed) / "train.jsonl")
        other.open(TASKS, 16)
        shuffled = random.Random(seed).sample(OUTCOMES, len(OUTCOMES))
        for each in shuffled:
            other.append([each])
        other.arrange(TASKS)
        assert contents(other) == ordered
        assert sorted(path.name for path in other.path.parent.iterdir()) == ["train.dropped.jsonl", "train.jsonl"]


def test_it_knows_what_is_answered_and_why_not(journal):
    journal.open(TASKS, 16)
    journal.append(OUTCOMES[:6])
    found = journal.open(TASKS, 16)
    assert found.kept == {TASKS[number].id for number in (0, 1, 3, 4)}
    assert found.dropped == {TASKS[2].id: "empty", TASKS[5].id: "empty"}
    assert journal.open(TASKS[:2], 16).kept == {TASKS[0].id, TASKS[1].id}


def test_what_was_cut_is_open_again_under_a_higher_limit_alone(journal):
    journal.open(TASKS, 16)
    journal.append([outcome(0, "A", finish_reason="length"), outcome(1, "")])
    assert set(journal.open(TASKS, 16).dropped) == {TASKS[0].id, TASKS[1].id}
    assert set(journal.open(TASKS, 17).dropped) == {TASKS[1].id}


def test_a_row_takes_the_place_of_the_dropped_answer(journal):
    journal.open(TASKS, 16)
    journal.append([outcome(0, "A", finish_reason="length"), outcome(0)])
    assert journal.open(TASKS, 16).dropped == {}
    journal.arrange(TASKS)
    assert contents(journal) == [rows.encode(outcome(0)), b""]


def test_a_torn_line_is_mended_in_either_file(journal):
    journal.open(TASKS, 16)
    journal.append(OUTCOMES)
    whole = contents(journal)
    for path in (journal.path, journal.dropped_path):
        with path.open("ab") as file:
            file.write(b'{"id": "torn')
    journal.open(TASKS, 16)
    assert contents(journal) == whole


def test_what_no_task_asks_for_any_more_comes_last(journal):
    journal.open(TASKS, 16)
    journal.append(OUTCOMES)
    journal.arrange(TASKS[4:])
    assert [row.id for row in rows.read(journal.path)] == [TASKS[n].id for n in (4, 6, 7, 8, 9, 0, 1, 3)]


def test_rows_about_another_clip_are_not_taken_for_this_one(journal):
    journal.open(TASKS, 16)
    journal.append(OUTCOMES)
    other = plan([sample(number, transcript="Hello.") for number in range(10)], pool(), per_sample=1, seed=0)
    with pytest.raises(InvalidInput, match="another clip") as caught:
        journal.open(other, 16)
    assert caught.value.field.endswith("train.jsonl")


def test_a_line_without_an_id_is_named(journal):
    journal.open(TASKS, 16)
    journal.path.write_text('{"response": "r"}\n')
    with pytest.raises(MalformedRow, match=r"train\.jsonl:1"):
        journal.open(TASKS, 16)
