import json

import pytest

from earwitness.errors import MalformedRow, NotFound
from services.trainer import rows
from services.trainer.rows import Dropped
from tests.services.trainer.conftest import row

AQA5M = {"id", "dataset", "seed_description", "prompt", "response", "messages"}
"""The features of DeSTA-ntu/DeSTA-AQA5M-FROM-Llama3.1-8B-Instruct."""
SPOKEN = {"audio": "93/123172/93_123172_000001_000000.wav", "text": "Hello, how are you?"}
ASKED = {"role": "user", "content": "Describe the audio file. <start_audio><|AUDIO|><end_audio>", "audios": [SPOKEN]}
PUBLISHED = {
    "messages": [{"role": "system", "content": rows.SYSTEM}, ASKED],
    "response": "The audio is a recording of a person speaking.",
}
"""The form of the row in kehanlu/DeSTA2.5-Audio, docs/train.md."""
WHOLE = {
    "id": "7",
    "dataset": "VCTK",
    "seed_description": "[00:00-00:02] Excuse me? (Emotion: Neutral, Duration: 2s)",
    "prompt": "In a sentence, explain what happened first in this audio sequence.",
} | PUBLISHED


def through(path, *trees) -> list[dict]:
    """Reads rows and writes them again."""
    path.write_text("".join(json.dumps(tree) + "\n" for tree in trees))
    again = path.with_suffix(".again.jsonl")
    rows.append(again, rows.read(path))
    return [json.loads(line) for line in again.read_text().splitlines()]


def test_what_is_appended_reads_back_in_order(tmp_path):
    rows.append(tmp_path / "r.jsonl", [row(0), row(1, clips=2)])
    rows.append(tmp_path / "r.jsonl", [])
    rows.append(tmp_path / "r.jsonl", [row(2)])
    assert rows.read(tmp_path / "r.jsonl") == (row(0), row(1, clips=2), row(2))
    dropped = Dropped(id="a", reason="empty", max_tokens=8)
    rows.append(tmp_path / "d.jsonl", [dropped])
    assert rows.read(tmp_path / "d.jsonl", Dropped) == (dropped,)


def test_a_row_has_the_fields_of_desta_aqa5m(tmp_path):
    rows.append(tmp_path / "r.jsonl", [row(1)])
    written = json.loads((tmp_path / "r.jsonl").read_text())
    assert written.keys() == AQA5M
    assert written["messages"] == [
        {"role": "system", "content": rows.SYSTEM},
        {"role": "user", "content": "<|AUDIO|>\n\nWhat do you hear?", "audios": [{"audio": "1.wav", "text": "hello"}]},
    ]


def test_published_rows_come_back_as_they_were(tmp_path):
    assert through(tmp_path / "r.jsonl", PUBLISHED, WHOLE) == [PUBLISHED, WHOLE]


def test_quirks_of_published_rows_are_read(tmp_path):
    """What `datasets` makes of fields that some rows lack, clips in which nobody speaks, several turns and clips."""
    silent = {"audio": "b.wav", "text": None}
    quirky = {
        **dict.fromkeys(("dataset", "seed_description", "prompt"), None),
        "id": 3,
        "extra": {"any": 1},
        "messages": [
            {"role": "system", "content": "s", "audios": None},
            {"role": "user", "content": "<|AUDIO|> <|AUDIO|>", "audios": [SPOKEN, silent], "name": "x"},
            {"role": "assistant", "content": "a", "audios": []},
            {"role": "user", "content": "u"},
        ],
        "response": "r",
    }
    (written,) = through(tmp_path / "r.jsonl", quirky)
    assert written == {
        "id": "3",
        "response": "r",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "<|AUDIO|> <|AUDIO|>", "audios": [SPOKEN, {"audio": "b.wav", "text": " "}]},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "u"},
        ],
    }
    assert through(tmp_path / "s.jsonl", written) == [written]


def test_blank_lines_are_skipped(tmp_path):
    (tmp_path / "r.jsonl").write_text(f"\n{json.dumps(PUBLISHED)}\n\n")
    assert len(rows.read(tmp_path / "r.jsonl")) == 1


@pytest.mark.parametrize("line", [b"{}", b"[]", b"{", b'{"response": 1}', b"\xff", b'"\xff"'])
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


def test_a_torn_line_longer_than_what_is_read_at_once_is_cut_off_whole(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"{}\n" + b"x" * 200_000)
    rows.mend(path)
    assert path.read_bytes() == b"{}\n"
