from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.measurement import measure
from services.evaluator.result import Description, Experiment, Point, Timing, Usage, decode, encode, items, load, save

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


DESCRIPTION = Description(
    setting="cascade",
    backbone="SmolLM2-135M",
    fingerprint="cd" * 32,
    prompt="letters",
    parameters={"max_tokens": 32, "temperature": 0.0},
    captioner="acoustic",
)
USAGE = Usage(
    answers="answers/x.jsonl",
    wall_s=1.5,
    asked=2,
    reused=0,
    retries=1,
    failed=1,
    prompt_tokens=40,
    completion_tokens=4,
    audio_s=3.0,
    captions=1,
)


def experiment(lineage=None, timings=(), usage=(), folder=None) -> Experiment:
    result = measure(BENCHMARK, ANSWERS, DESCRIPTION, captions={"1": "A low rumble."}, folder=folder)
    curve = (Point(step=1, loss=2.5), Point(step=2, loss=2.0))
    return Experiment(name="demo", results=(result,), curve=curve, lineage=lineage or {}, timings=timings, usage=usage)


def test_a_result_holds_what_was_asked_told_answered_and_scored(tmp_path):
    (result,) = experiment(folder=tmp_path).results
    first, second = items(tmp_path, result)
    assert (first.caption, second.caption) == ("A low rumble.", "")
    assert (result.total.correct, result.total.failed, result.total.n, result.outcomes) == (1, 1, 2, "cf")
    assert list(result.breakdowns["task"]) == ["sound", "music"]
    assert result.chance == 0.5
    assert second.answer.error.startswith("UNAVAILABLE")


def test_the_same_answers_give_the_same_bytes_however_long_they_took():
    slow = experiment({"b": "2", "a": "1"}, (Timing(stage="ask", seconds=9.0),), (USAGE,))
    quick = experiment({"a": "1", "b": "2"}, (Timing(stage="ask", seconds=1.0),))
    assert encode(slow) == encode(quick)


def test_another_answer_gives_other_bytes():
    other = measure(BENCHMARK, {**ANSWERS, "1": ANSWERS["2"]}, DESCRIPTION)
    assert encode(replace(experiment(), results=(other,))) != encode(experiment())


def test_an_experiment_comes_back_from_its_folder_as_it_was(tmp_path):
    kept = experiment({"seed": "1"}, (Timing(stage="ask", seconds=1.5, items=2),), (USAGE,))
    save(kept, tmp_path / "run")
    assert load(tmp_path / "run") == kept
    results = (tmp_path / "run" / "results.json").read_bytes()
    assert b"seconds" not in results and b"wall_s" not in results


def test_results_come_back_without_their_timings_and_usage(tmp_path):
    bare = decode(encode(experiment(usage=(USAGE,))))
    assert (bare.timings, bare.usage) == ((), ())


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 1),
        ({"parameters": {"max_tokens": 64}}, 1),
        ({"sample": 1}, 2),
        ({"control": "shuffle", "rotation": 1}, 2),
        ({"captioner": "whisper"}, 2),
        ({"caption_prompt": "question-aware@1"}, 2),
        ({"answering": "letters"}, 2),
        ({"prompt": "desta-mmau@1"}, 2),
        ({"fingerprint": "ef" * 32}, 2),
    ],
    ids=str,
)
def test_a_run_takes_the_place_of_an_older_one_of_the_same_and_of_no_other(changes, count):
    first = measure(BENCHMARK, ANSWERS, DESCRIPTION)
    second = measure(BENCHMARK, ANSWERS, replace(DESCRIPTION, **changes))
    kept = Experiment(name="x", results=())
    for result in (first, second):
        kept = kept.adding(result, replace(USAGE, answers=result.answers))
    assert len(kept.results) == len(kept.usage) == count
    assert kept.results[-1] == second


def test_results_that_are_none_are_refused(tmp_path):
    with pytest.raises(NotFound):
        load(tmp_path)
    with pytest.raises(InvalidInput, match="results"):
        decode(b'{"name": "x"}')
    with pytest.raises(InvalidInput, match="results"):
        decode(b"{")
