import json

import pytest

from earwitness.errors import MalformedRow, NotFound
from services.trainer import rows
from services.trainer.rows import Dropped
from tests.services.trainer.conftest import row

AQA5M = ["id", "dataset", "seed_description", "prompt", "response", "messages"]
"""The features of DeSTA-ntu/DeSTA-AQA5M-FROM-Llama3.1-8B-Instruct."""


def test_what_is_appended_reads_back_in_order(tmp_path):
    rows.append(tmp_path / "r.jsonl", [row(0), row(1, clips=2)])
    rows.append(tmp_path / "r.jsonl", [])
    rows.append(tmp_path / "r.jsonl", [row(2)])
    assert rows.read(tmp_path / "r.jsonl") == (row(0), row(1, clips=2), row(2))
    rows.append(tmp_path / "d.jsonl", [Dropped(id="a", max_tokens=8)])
    assert rows.read(tmp_path / "d.jsonl", Dropped) == (Dropped(id="a", max_tokens=8),)


def test_a_row_has_the_fields_of_desta_aqa5m(tmp_path):
    rows.append(tmp_path / "r.jsonl", [row(1)])
    written = json.loads((tmp_path / "r.jsonl").read_text())
    assert list(written) == AQA5M
    assert written["messages"][1] == {
        "role": "user",
        "content": "<|AUDIO|>\n\nWhat do you hear?",
        "audios": [{"audio": "1.wav", "text": "hello"}],
    }


def test_a_published_row_reads(tmp_path):
    """The row of kehanlu/DeSTA2.5-Audio, docs/train.md, with the data set's other features."""
    message = {
        "role": "user",
        "content": "Describe the audio file. <start_audio><|AUDIO|><end_audio>",
        "audios": [{"audio": "93/93_123172_000001_000000.wav", "text": "Hello, how are you?"}],
    }
    published = dict.fromkeys(AQA5M, "x") | {"messages": [{"role": "system", "content": rows.SYSTEM}, message]}
    (tmp_path / "r.jsonl").write_text(json.dumps(published) + "\n")
    (read,) = rows.read(tmp_path / "r.jsonl")
    assert read.messages[1].audios[0].text == "Hello, how are you?"
    assert read.messages[0].audios == ()


@pytest.mark.parametrize("line", [b"{}", b"[]", b"{", b'{"id": 1}', b"\xff", b'"\xff"'])
def test_a_row_that_breaks_the_format_is_named_by_file_and_line(tmp_path, line):
    path = tmp_path / "r.jsonl"
    rows.append(path, [row(0)])
    with path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(MalformedRow) as caught:
        rows.read(path)
    assert caught.value.field == "r.jsonl:2"


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="train distil"):
        rows.read(tmp_path / "r.jsonl")


def test_an_unfinished_last_line_is_cut_off_wherever_it_was_torn(tmp_path):
    path = tmp_path / "r.jsonl"
    rows.append(path, [row(0)])
    whole = path.read_bytes()
    rows.append(path, [row(1)])
    both = path.read_bytes()
    for end in range(len(whole), len(both)):
        path.write_bytes(both[:end])
        rows.mend(path)
        assert path.read_bytes() == whole
    for untouched in (b"", both):
        path.write_bytes(untouched)
        rows.mend(path)
        assert path.read_bytes() == untouched
    path.write_bytes(whole[:-1])
    rows.mend(path)
    assert path.read_bytes() == b""
    rows.mend(tmp_path / "missing.jsonl")
    assert not (tmp_path / "missing.jsonl").exists()
