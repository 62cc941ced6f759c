import json
from dataclasses import asdict, replace

import pytest

from earwitness.errors import MalformedRow, NotFound
from services.trainer import manifest
from services.trainer.description import Event
from services.trainer.manifest import Sample

SAMPLE = Sample(
    id="00000-speech",
    audio="audio/00000-speech.flac",
    transcript="Où est le café?",
    description="[00:00-00:02] Où est le café? (Gender: Female)",
    kind="speech",
    split="train",
    seconds=1.5,
    sha256="0" * 64,
    events=(Event(start_s=0.0, end_s=2.0, transcript="Où est le café?", attributes={"Gender": "Female"}),),
    attributes={"Language": "French"},
    dataset="cafés",
    licence="CC0-1.0",
    source="a friend",
)


def test_what_is_written_reads_back_and_is_written_the_same(tmp_path):
    samples = (SAMPLE, replace(SAMPLE, id="00001-mix", kind="mix", split="held_out", seconds=0.1))
    manifest.write(tmp_path / "a", samples)
    assert manifest.read(tmp_path / "a") == samples
    manifest.write(tmp_path / "b", manifest.read(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_rows_are_plain_json_lines_and_blank_ones_are_skipped(tmp_path):
    (tmp_path / "m.jsonl").write_text(f"\n{json.dumps(asdict(SAMPLE) | {'another': 'CC0'})}\n\n")
    assert manifest.read(tmp_path / "m.jsonl") == (SAMPLE,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"audio": None}, "audio"),
        ({"transcript": 3}, "transcript"),
        ({"kind": "noise"}, "kind"),
        ({"split": "test"}, "split"),
        ({"seconds": -1}, "seconds"),
        ({"sha256": "abc"}, "sha256"),
        ({"attributes": {"Gender": ["a"]}}, "attributes[...]"),
        ({"events": [{"start_s": 0}]}, "events[0].end_s"),
        ({"events": [{"start_s": 0, "end_s": 1, "sound": "x"}]}, "events[0]"),
        ({"events": [{"start_s": 2, "end_s": 1}], "description": ""}, "events"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path, change, field):
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(asdict(SAMPLE)) + "\n" + json.dumps(asdict(SAMPLE) | {"id": "second"} | change) + "\n")
    with pytest.raises(MalformedRow) as caught:
        manifest.read(path)
    assert caught.value.field == f"m.jsonl:2: {field}"
    assert caught.value.remedy


def read_row(tmp_path, **row) -> Sample:
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    (sample,) = manifest.read(tmp_path / "m.jsonl")
    return sample


def test_a_row_needs_its_audio_and_something_to_say_of_it(tmp_path):
    with pytest.raises(MalformedRow, match=r"m\.jsonl:1: audio: it is missing"):
        read_row(tmp_path, description="A dog.")
    for nothing in ({}, {"seconds": 2}, {"transcript": "Hi."}, {"attributes": {"Gender": "Male"}}):
        with pytest.raises(MalformedRow, match=r"m\.jsonl:1: description: nothing is said of the clip"):
            read_row(tmp_path, audio="a.wav", **nothing)
    dog = read_row(tmp_path, audio="a.wav", description="A dog.")
    assert (dog.id, dog.kind, dog.split, dog.events, dog.seconds) == ("a.wav", "sound", "train", (), 0)


@pytest.mark.parametrize(
    ("row", "description"),
    [
        (
            {
                "seconds": 2.1,
                "transcript": "Excuse me?",
                "attributes": {"Emotion": "Neutral", "Age": 80, "Sick": False},
            },
            "[00:00-00:02] Excuse me? (Emotion: Neutral, Age: 80, Sick: no)",
        ),
        ({"seconds": 30, "attributes": {"Genre": "reggae", "Mood": None}}, "[00:00-00:30] (Genre: reggae)"),
        (
            {"events": [{"start_s": 0, "end_s": 10, "attributes": {"speech": "", "gush": ""}}]},
            "[00:00-00:10] (speech, gush)",
        ),
        (
            {"transcript": "Hi.", "attributes": {"Gender": "Male"}, "events": [{"start_s": 1, "end_s": 2}]},
            "[00:01-00:02] Hi. (Gender: Male)",
        ),
        (
            {
                "attributes": {"Place": "street"},
                "events": [{"start_s": 0, "end_s": 1, "transcript": "Hi."}, {"start_s": 1, "end_s": 3.6}],
            },
            "[00:00-00:04] (Place: street)\n[00:00-00:01] Hi.\n[00:01-00:04]",
        ),
        ({"transcript": "Hi.", "description": "Somebody says hi."}, "Somebody says hi."),
    ],
)
def test_a_description_is_made_of_transcript_events_and_attributes(tmp_path, row, description):
    assert read_row(tmp_path, audio="a.wav", **row).description == description


def test_what_is_known_of_a_clip_is_found_wherever_it_stands(tmp_path):
    for row in (
        {"attributes": {"Gender": "Male"}, "seconds": 1},
        {"events": [{"start_s": 0, "end_s": 1}, {"start_s": 1, "end_s": 2, "attributes": {"Gender": "Male"}}]},
        {"description": "[00:00-00:01] Hi. (Gender: Male)"},
    ):
        sample = read_row(tmp_path, audio="a.wav", **row)
        assert (sample.attribute("Gender"), sample.attribute("Pitch"), sample.known()) == ("Male", "", {"Gender"})
    assert (sample.transcript, sample.kind) == ("Hi.", "speech")


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    (tmp_path / "m.jsonl").write_bytes(manifest.encode(SAMPLE) + line)
    with pytest.raises(MalformedRow, match=r"m\.jsonl:2: "):
        manifest.read(tmp_path / "m.jsonl")


def test_an_id_comes_once(tmp_path):
    manifest.write(tmp_path / "m.jsonl", [SAMPLE, SAMPLE])
    with pytest.raises(MalformedRow, match=r"m\.jsonl:2: id: '00000-speech' is the id of an earlier row"):
        manifest.read(tmp_path / "m.jsonl")


def test_a_manifest_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        manifest.read(tmp_path / "m.jsonl")
