import hashlib
import json
from pathlib import Path

import pytest

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.evaluator.benchmarks import BENCHMARKS, folder_of, load, missing_clips

AKB = {
    "id": "s1",
    "question": "Which is louder?",
    "choices": ["A whisper", "A shout"],
    "answer": "A shout",
    "category": "Sound",
    "subcategory": "Loudness",
    "verified_by": ["someone"],
    "evidence": "dictionary",
}
MMAU = {
    "id": "3fe6",
    "audio_id": "./audio/3fe6.wav",
    "question": "Who speaks?",
    "choices": ["Man", "Woman"],
    "answer": "Man",
    "dataset": "AudioSet",
    "task": "sound",
    "split": "test-mini",
    "category": "Reasoning",
    "sub-category": "Acoustic Source Inference",
    "difficulty": "medium",
}
MMAR = {
    "id": "x_00-01-32_00-02-02",
    "audio_path": "./audio/x.wav",
    "question": "How many voices?",
    "choices": ["one", "two", "three"],
    "answer": "two",
    "modality": "mix-sound-speech",
    "category": "Perception Layer",
    "sub-category": "Counting",
    "language": None,
    "cue": ["voices"],
}


def akb(folder: Path, *rows: dict) -> Path:
    path = folder / "akb.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def mmau(folder: Path, *rows: dict) -> Path:
    path = folder / "mmau.json"
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def refused(name: str, path: Path) -> MalformedRow:
    with pytest.raises(MalformedRow) as refusal:
        load(name, path)
    assert refusal.value.remedy
    return refusal.value


def test_a_text_benchmark_reads_one_question_a_line(tmp_path):
    path = akb(tmp_path, AKB, AKB | {"id": 2})
    benchmark = load("akb", path)
    assert [item.id for item in benchmark.items] == ["s1", "2"]
    assert benchmark.items[0].answer == "A shout"
    assert benchmark.items[0].groups == {"category": "Sound", "subcategory": "Loudness"}
    assert not benchmark.has_audio
    assert benchmark.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert benchmark.sha256.startswith(benchmark.version)


def test_mmau_clips_lie_relative_to_the_file_and_may_be_missing(tmp_path):
    benchmark = load("mmau", mmau(tmp_path, MMAU))
    assert benchmark.items[0].audio == tmp_path / "audio" / "3fe6.wav"
    assert benchmark.version == "v05.15.25"
    assert benchmark.items[0].groups["subcategory"] == "Acoustic Source Inference"


def test_mmar_reads_its_own_field_names_and_leaves_out_a_blank_group(tmp_path):
    (item,) = load("mmar", akb(tmp_path, MMAR)).items
    assert item.audio == tmp_path / "audio" / "x.wav"
    assert item.groups == {"modality": "mix-sound-speech", "category": "Perception Layer", "subcategory": "Counting"}


def test_a_category_given_as_a_list_is_the_same_category(tmp_path):
    benchmark = load("mmau", mmau(tmp_path, MMAU, MMAU | {"id": "2", "category": ["Reasoning"]}))
    assert {item.groups["category"] for item in benchmark.items} == {"Reasoning"}


@pytest.mark.parametrize("choices", [["Man"], ["Man", "Man"], ["Man", *"12345678"]], ids=["one", "twice", "nine"])
def test_any_number_of_choices_and_the_same_one_twice_are_taken(tmp_path, choices):
    assert load("mmau", mmau(tmp_path, MMAU | {"choices": choices})).items[0].choices == tuple(choices)


@pytest.mark.parametrize("answer", [None, "", "  "])
def test_a_blank_answer_is_a_withheld_one(tmp_path, answer):
    assert load("mmau", mmau(tmp_path, MMAU | {"answer": answer})).items[0].answer is None


def test_a_missing_answer_is_a_withheld_one(tmp_path):
    row = {key: value for key, value in MMAU.items() if key != "answer"}
    assert load("mmau", mmau(tmp_path, row)).items[0].answer is None


def test_an_answer_in_another_case_is_that_choice(tmp_path):
    assert load("mmau", mmau(tmp_path, MMAU | {"answer": "man "})).items[0].answer == "Man"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": 3}, "question"),
        ({"question": " "}, "question"),
        ({"id": ""}, "id"),
        ({"choices": []}, "choices"),
        ({"choices": ["", "A shout"]}, "choices"),
        ({"choices": ["A shout", 2]}, "choices[1]"),
        ({"choices": [str(n) for n in range(27)]}, "choices"),
        ({"answer": "A scream"}, "answer"),
    ],
)
def test_a_malformed_row_is_refused_by_file_line_and_field(tmp_path, change, field):
    path = akb(tmp_path, AKB, AKB | {"id": "s2"} | change)
    assert refused("akb", path).field == f"akb.jsonl:2: {field}"


def test_a_missing_field_is_named(tmp_path):
    error = refused("mmau", mmau(tmp_path, MMAU, {"id": "2", "question": "?", "choices": ["x"]}))
    assert error.field == "mmau.json:row 1: audio_id"
    assert "missing" in error.message


@pytest.mark.parametrize("content", [b'{"id": "1",\n', b'"text"\n', b"\xff\xfe\n"])
def test_a_line_that_is_no_json_object_is_refused_by_its_number(tmp_path, content):
    path = akb(tmp_path, AKB)
    path.write_bytes(path.read_bytes() + b"\n" + content)
    assert refused("akb", path).field.startswith("akb.jsonl:3")


@pytest.mark.parametrize("content", [b"{}", b"[1", b"[1]", b"", b"[]", b'[{"id": "\xff"}]'])
def test_a_file_that_is_no_list_of_rows_is_refused(tmp_path, content):
    path = tmp_path / "mmau.json"
    path.write_bytes(content)
    assert refused("mmau", path).field.startswith("mmau.json")


def test_an_id_that_comes_twice_is_refused_with_both_places(tmp_path):
    error = refused("akb", akb(tmp_path, AKB, AKB))
    assert error.field == "akb.jsonl:2: id"
    assert "akb.jsonl:1" in error.message


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path):
    path = akb(tmp_path, AKB)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n  \n")
    assert len(load("akb", path).items) == 1


def test_an_unknown_benchmark_is_told_the_known_names():
    with pytest.raises(NotFound, match="mini-akb"):
        load("akb-3000")


def test_a_file_that_does_not_exist_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"nowhere\.json"):
        load("mmau", tmp_path / "nowhere.json")


@pytest.mark.parametrize("name", [name for name, entry in BENCHMARKS.items() if entry.path is None])
def test_a_benchmark_that_does_not_come_with_the_package_asks_for_its_path(name, home):
    with pytest.raises(InvalidInput, match="path") as refusal:
        load(name)
    assert (f"earwitness data get {name}" in refusal.value.remedy) == (name in ("mmau", "mmar"))


def test_without_a_path_the_data_folder_is_looked_at(home):
    folder_of("mmau").mkdir(parents=True)
    mmau(folder_of("mmau"), MMAU).rename(folder_of("mmau") / "mmau-test-mini.json")
    assert folder_of("mmau").is_relative_to(home)
    assert load("mmau").items[0].audio == folder_of("mmau") / "audio" / "3fe6.wav"


def test_a_path_may_be_the_folder_of_the_data(tmp_path):
    akb(tmp_path, MMAR).rename(tmp_path / "MMAR-meta.jsonl")
    assert len(load("mmar", tmp_path).items) == 1
    with pytest.raises(NotFound, match=r"mmau-test\.json"):
        load("mmau-test", tmp_path)


def test_mmar_reads_the_hub_s_list_as_it_reads_the_lines(tmp_path):
    assert tuple(load("mmar", mmau(tmp_path, MMAR)).items) == tuple(load("mmar", akb(tmp_path, MMAR)).items)


def test_the_test_split_of_mmau_has_no_answers_and_is_a_benchmark_of_its_own(tmp_path):
    benchmark = load("mmau-test", mmau(tmp_path, MMAU | {"answer": "", "split": "test"}))
    assert (benchmark.name, benchmark.items[0].answer) == ("mmau-test", None)


def test_missing_clips_are_counted_by_item(tmp_path):
    benchmark = load("mmau", mmau(tmp_path, MMAU, MMAU | {"id": "2"}, MMAU | {"id": "3", "audio_id": "./here.wav"}))
    (tmp_path / "here.wav").write_bytes(b"RIFF")
    assert missing_clips(benchmark) == 2
    assert missing_clips(load("mini-akb")) == 0


@pytest.mark.parametrize("name", [name for name, entry in BENCHMARKS.items() if entry.path])
def test_every_bundled_benchmark_loads_with_answers_and_clips(name):
    benchmark = load(name)
    assert all(item.answer in item.choices for item in benchmark.items)
    assert all(item.audio is None or item.audio.exists() for item in benchmark.items)
    assert benchmark.has_audio == (name not in {"mini-akb", "open-akb"})
