from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.result import Experiment, Point, Timing, decode, encode, load, measure, save

BENCHMARK = Benchmark(
    name="mini-mmau",
    version="1",
    sha256="ab" * 32,
    items=(
        Item(id="1", question="What rolls?", choices=("Rain", "Thunder"), answer="Thunder", groups={"task": "sound"}),
        Item(id="2", question="Who sings?", choices=("A man", "A woman"), answer="A man", groups={"task": "music"}),
    ),
    breakdowns=("task",),
)
ANSWERS = {
    "1": Answer(text="(B) Thunder", finish_reason="stop", prompt_tokens=40, completion_tokens=4),
    "2": Answer(text="", finish_reason="error", error="UNAVAILABLE: no replica"),
}


def experiment(parameters=None, lineage=None, timings=()) -> Experiment:
    result = measure(
        BENCHMARK,
        ANSWERS,
        setting="cascade",
        backbone="SmolLM2-135M",
        fingerprint="cd" * 32,
        prompt="letters",
        parameters=parameters or {"max_tokens": 32, "temperature": 0.0},
        captioner="acoustic",
        captions={"1": "A low rumble."},
    )
    curve = (Point(step=1, loss=2.5), Point(step=2, loss=2.0))
    return Experiment(name="demo", results=(result,), curve=curve, lineage=lineage or {}, timings=timings)


def test_a_result_holds_what_was_asked_told_answered_and_scored():
    (result,) = experiment().results
    first, second = result.items
    assert (first.caption, second.caption) == ("A low rumble.", "")
    assert (result.total.correct, result.total.failed, result.total.n) == (1, 1, 2)
    assert list(result.breakdowns["task"]) == ["sound", "music"]
    assert result.chance == 0.5
    assert second.answer.error.startswith("UNAVAILABLE")


def test_a_run_with_an_item_that_was_not_answered_has_no_result():
    with pytest.raises(InvalidInput, match="1 of 2"):
        measure(
            BENCHMARK,
            {"1": ANSWERS["1"]},
            setting="text",
            backbone="x",
            fingerprint="",
            prompt="",
            parameters={},
        )


def test_the_same_answers_give_the_same_bytes_however_long_they_took():
    slow = experiment({"temperature": 0.0, "max_tokens": 32}, {"b": "2", "a": "1"}, (Timing(stage="ask", seconds=9.0),))
    quick = experiment(
        {"max_tokens": 32, "temperature": 0.0}, {"a": "1", "b": "2"}, (Timing(stage="ask", seconds=1.0),)
    )
    assert encode(slow) == encode(quick)


def test_another_answer_gives_other_bytes():
    (result,) = experiment().results
    other = replace(result.items[0], answer=replace(result.items[0].answer, text="(B)"))
    changed = replace(experiment(), results=(replace(result, items=(other, result.items[1])),))
    assert encode(changed) != encode(experiment())


def test_an_experiment_comes_back_from_its_folder_as_it_was(tmp_path):
    kept = experiment(lineage={"seed": "1"}, timings=(Timing(stage="ask", seconds=1.5, items=2),))
    save(kept, tmp_path / "run")
    assert load(tmp_path / "run") == kept
    assert b"seconds" not in (tmp_path / "run" / "results.json").read_bytes()


def test_results_come_back_without_their_timings(tmp_path):
    assert decode(encode(experiment())).timings == ()


def test_results_that_are_none_are_refused(tmp_path):
    with pytest.raises(NotFound):
        load(tmp_path)
    with pytest.raises(InvalidInput, match="results"):
        decode(b'{"name": "x"}')
    with pytest.raises(InvalidInput, match="results"):
        decode(b"{")
