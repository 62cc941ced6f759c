import json
from pathlib import Path

import pytest

from earwitness.errors import InvalidInput, MalformedRow
from services.evaluator.submission import write

ROWS = [
    {"id": "a", "audio_id": "./test-audios/a.wav", "question": "Où?", "choices": ["1", "2"], "answer": "", "n": 0.1},
    {"id": "b", "audio_id": "./test-audios/b.wav", "question": "?", "choices": ["1", "2"], "answer": ""},
]


def rows(folder: Path, lines: bool) -> Path:
    path = folder / "rows"
    path.write_text("\n".join(json.dumps(row) for row in ROWS) if lines else json.dumps(ROWS))
    return path


def test_mmau_gets_the_official_rows_with_both_keys_that_its_authors_name(tmp_path):
    out = tmp_path / "submission.json"
    assert write("mmau-test", rows(tmp_path, lines=False), {"b": "(B) 2", "a": "1"}, out) == 2
    sent = json.loads(out.read_text())
    assert sent == [
        ROWS[0] | {"model_output": "1", "model_prediction": "1"},
        ROWS[1] | {"model_output": "(B) 2", "model_prediction": "(B) 2"},
    ]
    assert list(sent[0])[:6] == list(ROWS[0])


def test_mmar_gets_lines_with_the_key_that_its_scorer_reads(tmp_path):
    out = tmp_path / "submission.jsonl"
    write("mmar", rows(tmp_path, lines=True), {"a": "", "b": "2"}, out)
    assert [json.loads(line)["answer_prediction"] for line in out.read_text().splitlines()] == ["", "2"]


def test_the_bytes_are_always_the_same(tmp_path):
    out = tmp_path / "out"
    write("mmar", rows(tmp_path, lines=True), {"a": "x\ny", "b": "ü"}, out)
    assert out.read_text() == (
        '{"id":"a","audio_id":"./test-audios/a.wav","question":"Où?","choices":["1","2"],"answer":"","n":0.1,'
        '"answer_prediction":"x\\ny"}\n'
        '{"id":"b","audio_id":"./test-audios/b.wav","question":"?","choices":["1","2"],"answer":"",'
        '"answer_prediction":"ü"}\n'
    )


@pytest.mark.parametrize(
    ("predictions", "message"), [({"a": "1"}, "no prediction for b"), ({"a": "1", "b": "2", "c": "3"}, "no row for c")]
)
def test_a_row_without_a_prediction_would_leave_the_denominator_and_is_refused(tmp_path, predictions, message):
    out = tmp_path / "out"
    with pytest.raises(InvalidInput, match=message):
        write("mmar", rows(tmp_path, lines=True), predictions, out)
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_a_benchmark_without_an_official_format_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="mmau-test"):
        write("akb", rows(tmp_path, lines=True), {}, tmp_path / "out")


@pytest.mark.parametrize("content", ["[1]", "{}", "[{}]", "text"])
def test_a_file_that_is_not_the_official_one_is_refused(tmp_path, content):
    (tmp_path / "rows").write_text(content)
    with pytest.raises(MalformedRow):
        write("mmau", tmp_path / "rows", {}, tmp_path / "out")
