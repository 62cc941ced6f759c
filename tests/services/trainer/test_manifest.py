import json
from dataclasses import asdict, replace

import pytest

from earwitness.errors import MalformedRow, NotFound
from services.trainer import manifest
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
)


def test_what_is_written_reads_back_and_is_written_the_same(tmp_path):
    samples = (SAMPLE, replace(SAMPLE, id="00001-mix", kind="mix", split="held_out", seconds=0.1))
    manifest.write(tmp_path / "a", samples)
    assert manifest.read(tmp_path / "a") == samples
    manifest.write(tmp_path / "b", manifest.read(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_rows_are_plain_json_lines_and_blank_ones_are_skipped(tmp_path):
    (tmp_path / "m.jsonl").write_text(f"\n{json.dumps(asdict(SAMPLE) | {'licence': 'CC0'})}\n\n")
    assert manifest.read(tmp_path / "m.jsonl") == (SAMPLE,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"audio": None}, "audio"),
        ({"transcript": 3}, "transcript"),
        ({"kind": "noise"}, "kind"),
        ({"split": "test"}, "split"),
        ({"seconds": 0}, "seconds"),
        ({"sha256": "abc"}, "sha256"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path, change, field):
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(asdict(SAMPLE)) + "\n" + json.dumps(asdict(SAMPLE) | {"id": "second"} | change) + "\n")
    with pytest.raises(MalformedRow) as caught:
        manifest.read(path)
    assert caught.value.field == f"m.jsonl:2: {field}"
    assert caught.value.remedy


@pytest.mark.parametrize("field", list(asdict(SAMPLE)))
def test_no_field_may_be_missing(tmp_path, field):
    row = asdict(SAMPLE)
    del row[field]
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    with pytest.raises(MalformedRow, match=f"m.jsonl:1: {field}: it is missing"):
        manifest.read(tmp_path / "m.jsonl")


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
