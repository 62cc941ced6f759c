from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from services.evaluator import answers
from services.evaluator.carry import carry
from services.evaluator.items import Answer
from services.evaluator.measurement import measure
from services.evaluator.result import Experiment
from tests.services.evaluator import sample
from tests.services.evaluator.test_result import DESCRIPTION

OLD = sample.benchmark("mini-akb")
TEXT = replace(DESCRIPTION, setting="text", captioner="")


def experiment(folder, rotation=0):
    asked = replace(OLD, items=tuple(item.rotated(rotation) for item in OLD.items))
    said = {item.id: Answer(text=item.answer or "", finish_reason="stop", completion_tokens=3) for item in asked.items}
    described = replace(TEXT, rotation=rotation, control="shuffle" if rotation else "none")
    return Experiment(name="x", results=(measure(asked, said, described, folder=folder),))


def unlike(benchmark):
    """The same items with words of their own, so that each has one content alone."""
    items = tuple(replace(item, question=f"{item.id}: {item.question}") for item in benchmark.items)
    return replace(benchmark, items=items)


OLD = unlike(OLD)


def newer(items, sha256="ef" * 32, version="2"):
    return replace(OLD, items=tuple(items), sha256=sha256, version=version)


def test_a_mended_key_is_scored_anew_and_no_model_is_asked(tmp_path):
    mended = replace(
        OLD.items[0],
        answer=OLD.items[0].choices[-1] if OLD.items[0].answer != OLD.items[0].choices[-1] else OLD.items[0].choices[0],
    )
    (carried,) = carry(experiment(tmp_path), tmp_path, newer([mended, *OLD.items[1:]]), tmp_path / "new")
    assert carried.missing == () and carried.usage.asked == 0
    assert (carried.result.total.n, carried.result.total.correct) == (120, 119)
    assert carried.result.benchmark_version == "2"
    kept = list(answers.read(tmp_path / "new" / carried.result.answers))
    assert [item.answer.completion_tokens for item in kept] == [3] * 120


def test_items_count_by_what_is_asked_whatever_their_id_and_place(tmp_path):
    moved = [replace(item, id=f"new-{item.id}") for item in reversed(OLD.items)]
    (carried,) = carry(experiment(tmp_path), tmp_path, newer(moved), tmp_path / "new")
    assert carried.result.total.correct == 120


def test_a_shuffled_run_is_carried_as_it_was_asked(tmp_path):
    (carried,) = carry(experiment(tmp_path, rotation=1), tmp_path, newer(OLD.items), tmp_path / "new")
    assert (carried.missing, carried.result.rotation, carried.result.total.correct) == ((), 1, 120)


def test_what_has_no_answer_is_named_or_left_out_and_the_version_says_so(tmp_path):
    reworded = replace(OLD.items[5], question="Another question?")
    reordered = OLD.items[6].rotated(1)
    new = newer([*OLD.items[:5], reworded, reordered, *OLD.items[7:]])
    with pytest.raises(InvalidInput, match=f"no answer to 2 of 120 items, the first is {reworded.id}"):
        carry(experiment(tmp_path), tmp_path, new, tmp_path / "new")
    (carried,) = carry(experiment(tmp_path), tmp_path, new, tmp_path / "new", partial=True)
    assert carried.missing == (reworded.id, reordered.id)
    assert carried.result.total.n == 118
    assert carried.result.benchmark_version == "2, 118 of 120 items"
    assert carried.result.benchmark_sha256 != new.sha256


def test_what_shares_no_item_or_has_clips_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="shares an item"):
        carry(experiment(tmp_path), tmp_path, newer([replace(OLD.items[0], question="New?")]), tmp_path / "new")
    with pytest.raises(InvalidInput, match="shares an item"):
        carry(experiment(tmp_path), tmp_path, OLD, tmp_path / "new")
    with pytest.raises(InvalidInput, match="about clips"):
        carry(experiment(tmp_path), tmp_path, replace(newer(OLD.items), has_audio=True), tmp_path / "new")
