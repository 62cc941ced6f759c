"""The bundled audio benchmarks keep their formats, and every answer still follows from its clip."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import soundfile

import services.evaluator
from tools.mini_mmau.files import read_clip, read_lines
from tools.mini_mmau.measure import distance, take, verdict
from tools.mini_mmau.questions.question import LAYERS
from tools.mini_mmau.recogniser import heard

DATA = Path(services.evaluator.__file__).parent / "data"
MMAU, MMAR = DATA / "mini-mmau", DATA / "mini-mmar"

MMAU_KEYS = [
    "id", "audio_id", "question", "choices", "answer", "dataset", "task", "split",
    "category", "sub-category", "difficulty",
]  # fmt: skip
MMAR_KEYS = [
    "id", "audio_path", "question", "choices", "answer", "modality", "category", "sub-category", "language", "source",
    "url", "timestamp", "thinking", "cue", "rubric",
]  # fmt: skip
MMAU_SKILLS = {
    "sound": {
        "Acoustic Scene Reasoning", "Acoustic Source Inference", "Ambient Sound Interpretation",
        "Eco-Acoustic Knowledge", "Event-Based Sound Reasoning",
        "Sound-Based Event Recognition", "Temporal Event Reasoning",
    },
    "music": {
        "Emotional Tone Interpretation", "Harmony and Chord Progressions", "Instrumentation", "Lyrical Reasoning",
        "Melodic Structure Interpretation", "Musical Genre Reasoning", "Musical Texture Interpretation",
        "Rhythm and Tempo Understanding", "Socio-cultural Interpretation", "Temporal Reasoning",
    },
    "speech": {
        "Conversational Fact Retrieval", "Counting", "Dissonant Emotion Interpretation", "Emotion Flip Detection",
        "Emotion State summarisation", "Event-Based Knowledge Retrieval", "Key highlight Extraction",
        "Multi Speaker Role Mapping", "Phonemic Stress Pattern Analysis", "Phonological Sequence Decoding",
    },
}  # fmt: skip

ROWS = json.loads((MMAU / "mini-mmau.json").read_text(encoding="utf-8"))
DEEP_ROWS = read_lines(MMAR / "MMAR-meta.jsonl")
RECORDS = {row["id"]: row for folder in (MMAU, MMAR) for row in read_lines(folder / "provenance.jsonl")}
CLIPS = {row["id"]: MMAU / row["audio_id"] for row in ROWS} | {row["id"]: MMAR / row["audio_path"] for row in DEEP_ROWS}
ANSWERS = {row["id"]: row["answer"] for row in [*ROWS, *DEEP_ROWS]}


def words(text: str) -> set[str]:
    return set(re.findall(r"\b\w+\b", text.lower()))


def test_rows_have_the_keys_of_mmau_in_its_order_and_values_of_its_kinds() -> None:
    for row in ROWS:
        assert list(row) == MMAU_KEYS
        assert row["sub-category"] in MMAU_SKILLS[row["task"]]
        assert row["category"] in ("Reasoning", "Information Extraction")
        assert row["difficulty"] in ("easy", "medium", "hard")
        assert row["split"] == "mini"
        assert row["audio_id"] == f"./audio/{row['id']}.flac"


def test_each_task_has_twenty_items_of_every_difficulty() -> None:
    assert Counter(row["task"] for row in ROWS) == {"sound": 20, "music": 20, "speech": 20}
    assert {(row["task"], row["difficulty"]) for row in ROWS} == {
        (task, difficulty) for task in MMAU_SKILLS for difficulty in ("easy", "medium", "hard")
    }


def test_rows_of_mmar_have_its_keys_and_layers() -> None:
    assert len(DEEP_ROWS) >= 24
    for row in DEEP_ROWS:
        assert list(row) == MMAR_KEYS
        assert row["category"] == LAYERS[row["sub-category"]]
        assert row["language"] in ("en", None)
        assert row["thinking"] and row["cue"]
        assert all(list(point) == ["name", "scoring_point", "note", "choices"] for point in row["rubric"])
        assert all(point["choices"] == [0, 1] for point in row["rubric"])
    assert {row["category"] for row in DEEP_ROWS} == set(LAYERS.values())
    assert {"sound", "music", "speech"} < {row["modality"] for row in DEEP_ROWS}
    assert sum(row["modality"].startswith("mix-") for row in DEEP_ROWS) >= 8


@pytest.mark.parametrize("row", [*ROWS, *DEEP_ROWS], ids=lambda row: row["id"])
def test_the_answer_is_one_of_distinct_choices(row: dict) -> None:
    assert row["answer"] in row["choices"]
    assert 2 <= len(set(row["choices"])) == len(row["choices"]) <= 4


@pytest.mark.parametrize("row", [*ROWS, *DEEP_ROWS], ids=lambda row: row["id"])
def test_the_official_string_match_takes_no_wrong_choice_for_the_answer(row: dict) -> None:
    answer = words(row["answer"])
    wrong = [words(choice) for choice in row["choices"] if choice != row["answer"]]
    forbidden = set().union(*wrong) - answer
    assert not any(answer <= choice and not choice & forbidden for choice in wrong)


@pytest.mark.parametrize("rows", [ROWS, DEEP_ROWS], ids=["mmau", "mmar"])
def test_no_letter_is_right_much_more_often_than_another(rows: list[dict]) -> None:
    places = Counter(row["choices"].index(row["answer"]) for row in rows)
    assert all(0.15 <= places[place] / len(rows) <= 0.35 for place in range(4))


@pytest.mark.parametrize("id_", CLIPS)
def test_a_clip_is_a_flac_of_16_khz_mono_16_bit_between_1_and_10_seconds(id_: str) -> None:
    info = soundfile.info(CLIPS[id_])
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_16", 16_000, 1)
    assert 1.0 <= info.duration <= 10.0


def test_there_is_no_clip_without_a_row_and_no_more_than_6_mb() -> None:
    kept = {path.resolve() for folder in (MMAU, MMAR) for path in folder.rglob("*.flac")}
    assert kept == {path.resolve() for path in CLIPS.values()}
    assert sum(path.stat().st_size for folder in (MMAU, MMAR) for path in folder.rglob("*") if path.is_file()) <= 6e6


def test_at_least_twenty_items_and_all_sounds_are_recordings() -> None:
    recorded = {row["id"] for row in ROWS if RECORDS[row["id"]]["recorded"]}
    assert len(recorded) >= 20
    assert {row["id"] for row in ROWS if row["task"] == "sound"} <= recorded


@pytest.mark.parametrize("id_", CLIPS)
def test_an_item_has_provenance_with_licence_and_a_measurement_that_agrees(id_: str) -> None:
    record = RECORDS[id_]
    assert record["verified_by"] in ("rule", "source")
    assert record["licence"] in ("CC0-1.0", "Apache-2.0", "CC-BY-SA-3.0")
    assert record["source"] and record["credit"]
    assert record["measurement"]["agrees"] is True
    assert set(record["measurement"]["by_choice"]) == next(
        set(row["choices"]) for row in [*ROWS, *DEEP_ROWS] if row["id"] == id_
    )


@pytest.mark.parametrize("id_", CLIPS)
def test_the_measurement_taken_again_on_the_clip_gives_the_answer(id_: str) -> None:
    record, clip = RECORDS[id_], read_clip(CLIPS[id_])
    measurement = record["measurement"]
    assert clip.sha256 == record["samples_sha256"]
    if measurement["what"] == "transcript":
        assert heard(measurement["value"], measurement["by_choice"]) == ANSWERS[id_]
        return
    value = take(measurement["what"], clip.samples, measurement["arguments"])
    assert distance(value, measurement["value"]) < 0.05
    assert verdict(value, measurement["by_choice"]) == ANSWERS[id_]


def test_nothing_claims_to_be_checked_by_a_human() -> None:
    for record in RECORDS.values():
        assert "human" not in json.dumps({key: record[key] for key in record if key != "measurement"}).lower()


def test_the_page_of_licences_names_every_source() -> None:
    page = (MMAU / "LICENSES.md").read_text(encoding="utf-8")
    for record in RECORDS.values():
        for source in record["source"].split("; "):
            dataset, name = source.split("/", 1)
            line = next(line for line in page.splitlines() if f"`{dataset}`: {name} |" in line)
            assert record["id"] in line


def test_prompts_by_attribution_share_alike_say_so() -> None:
    for record in RECORDS.values():
        assert ("asterisk" in record["source"]) == (record["licence"] == "CC-BY-SA-3.0")
        assert "asterisk" not in record["source"] or "Allison Smith" in record["credit"]
