import json
from pathlib import Path

import pytest

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.evaluator.benchmarks import load

FIRST = load("mini-akb").items[0].id
SHA256 = load("mini-akb").sha256


def overlay(folder: Path, text: str) -> Path:
    path = folder / "overlay.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        f"benchmark: mini-akb\nknown_bad:\n  {FIRST}: two options are right\n",
        json.dumps({"benchmark": "mini-akb", "sha256": SHA256, "known_bad": {FIRST: "two options are right"}}),
    ],
    ids=["yaml", "json"],
)
def test_an_overlay_flags_items_with_a_reason_and_changes_none(tmp_path, text):
    benchmark = load("mini-akb", overlay=overlay(tmp_path, text))
    assert benchmark.known_bad == {FIRST: "two options are right"}
    assert list(benchmark.items) == list(load("mini-akb").items)
    assert load("mini-akb").known_bad == {}


def test_ids_that_the_benchmark_lacks_are_named(tmp_path):
    path = overlay(tmp_path, f"benchmark: mini-akb\nknown_bad: {{{FIRST}: a, nowhere: b, 17: c}}\n")
    with pytest.raises(InvalidInput, match="no items nowhere, 17") as refusal:
        load("mini-akb", overlay=path)
    assert FIRST not in str(refusal.value)


def test_an_id_of_digits_needs_no_quotes(tmp_path):
    row = {"id": 17, "question": "?", "choices": ["a", "b"], "answer": "a"}
    (tmp_path / "akb.jsonl").write_text(json.dumps(row))
    path = overlay(tmp_path, "benchmark: akb\nknown_bad: {17: wrong gold}\n")
    assert load("akb", tmp_path / "akb.jsonl", path).known_bad == {"17": "wrong gold"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("benchmark: mmau\nknown_bad: {}\n", "for 'mmau'"),
        ("benchmark: mini-akb\nsha256: abcd\nknown_bad: {}\n", "SHA-256 abcd"),
    ],
)
def test_an_overlay_for_something_else_is_refused(tmp_path, text, message):
    with pytest.raises(InvalidInput, match=message):
        load("mini-akb", overlay=overlay(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["", "benchmark: mini-akb\n", "benchmark: mini-akb\nknown_bad: {a: b}\nbad: 1\n", "a: [", "known_bad: 3\n"]
)
def test_a_malformed_overlay_is_refused_by_its_name(tmp_path, text):
    with pytest.raises(MalformedRow) as refusal:
        load("mini-akb", overlay=overlay(tmp_path, text))
    assert refusal.value.field == "overlay.yaml"


def test_an_overlay_that_does_not_exist_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        load("mini-akb", overlay=tmp_path / "nowhere.yaml")
