import random

import pytest

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.answers import ItemResult, Sheet, read
from services.evaluator.items import Answer
from services.evaluator.scoring import score
from tests.services.evaluator.conftest import item


def result(number: int) -> ItemResult:
    one = item(f"{number}")
    answer = Answer(text=f"(B) A bell {number} ♪", finish_reason="stop", option_scores=(-1.5, -0.25))
    return ItemResult(
        id=one.id, question=one.question, choices=one.choices, gold=one.answer, groups={}, answer=answer,
        score=score(one, answer), caption="A bell\nrings.", audio_sha256="ab" * 32,
    )  # fmt: skip


def write(path, order) -> None:
    with Sheet(path, len(order)) as sheet:
        for number in order:
            sheet.add(number, result(number))
        sheet.finish()


def test_answers_come_back_in_the_benchmark_s_order_whatever_order_they_came_in(tmp_path):
    order = list(range(500))
    write(tmp_path / "sorted.jsonl", order)
    random.Random(0).shuffle(order)
    write(tmp_path / "shuffled.jsonl", order)
    assert list(read(tmp_path / "shuffled.jsonl")) == [result(number) for number in range(500)]
    assert (tmp_path / "shuffled.jsonl").read_bytes() == (tmp_path / "sorted.jsonl").read_bytes()


def test_an_answer_can_be_scored_again_from_the_file_alone(tmp_path):
    write(tmp_path / "a.jsonl", [0])
    (kept,) = read(tmp_path / "a.jsonl")
    assert score(kept.item, kept.answer) == kept.score


def test_a_sheet_that_is_not_finished_leaves_nothing_and_does_not_touch_an_older_one(tmp_path):
    write(tmp_path / "a.jsonl", [0])
    before = (tmp_path / "a.jsonl").read_bytes()
    with Sheet(tmp_path / "a.jsonl", 2) as sheet:
        sheet.add(1, result(1))
        with pytest.raises(InvalidInput, match="1 of 2"):
            sheet.finish()
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_lost_and_damaged_answers_are_clear_errors(tmp_path):
    with pytest.raises(NotFound, match="run again"):
        list(read(tmp_path / "missing.jsonl"))
    write(tmp_path / "a.jsonl", [0, 1])
    path = tmp_path / "a.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match=r"a\.jsonl:2"):
        list(read(path))
