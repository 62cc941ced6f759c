import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earwitness.errors import InvalidInput, MalformedRow, NotFound, NotReady, Unavailable
from services.evaluator import download
from services.evaluator.benchmarks import load
from services.evaluator.download import check, get
from tests.services.evaluator.hub_server import HubServer, serving

MMAU = {"question": "Who speaks?", "choices": ["Man", "Woman"], "answer": "Man", "task": "speech"}
MMAR = {"question": "How many?", "choices": ["one", "two"], "answer": "two", "modality": "sound"}


def archive(members: dict[str, bytes], link: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("audio/link.wav")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info)
    return packed.getvalue()


def mmau_rows(*ids: str) -> bytes:
    return json.dumps([MMAU | {"id": id, "audio_id": f"./test-mini-audios/{id}.wav"} for id in ids]).encode()


def mmar_rows(*ids: str) -> list[dict]:
    return [MMAR | {"id": id, "audio_path": f"./audio/{id}.wav"} for id in ids]


def parquet(folder: Path, rows: list[dict]) -> bytes:
    pq.write_table(pa.Table.from_pylist(rows), folder / "made.parquet")
    return (folder / "made.parquet").read_bytes()


def parquet_row(id: str, **changes) -> dict:
    attributes = {"id": id, "task": "speech", "category": ["Reasoning"], "sub-category": "x", "difficulty": "easy"}
    return {
        "context": {"bytes": f"RIFF {id}".encode(), "path": None},
        "instruction": "Who speaks?",
        "choices": ["(A) Man", "(B) Woman"],
        "answer": "(B) Woman",
        "other_attributes": json.dumps(attributes),
    } | changes


@pytest.fixture
def server(monkeypatch, tmp_path):
    for name in ("HF_TOKEN", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with serving(HubServer()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.address)
        yield running


def fetch(name: str, folder: Path, **options) -> download.Findings:
    return get(name, folder, lambda *_: None, **options)


def test_rows_and_an_archive_are_laid_out_as_the_rows_name_the_clips(server, tmp_path):
    rows = "".join(json.dumps(row) + "\n" for row in mmar_rows("a", "b")).encode()
    server.files = {
        "README.md": b"",
        "MMAR-meta.jsonl": rows,
        "mmar-audio.tar.gz": archive({"mmar/audio/a.wav": b"RIFF a", "mmar/audio/b.wav": b"RIFF b"}),
    }
    findings = fetch("mmar", tmp_path / "mmar")
    assert (findings.num_items, findings.num_missing, findings.num_withheld) == (2, 0, 0)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "mmar").rglob("*.*")) == [
        "mmar/MMAR-meta.jsonl",
        "mmar/audio/a.wav",
        "mmar/audio/b.wav",
        "mmar/origin.json",
    ]
    assert (tmp_path / "mmar" / "audio" / "b.wav").read_bytes() == b"RIFF b"
    assert json.loads((tmp_path / "mmar" / "origin.json").read_text())["revision"] == "main"


def test_an_archive_without_a_folder_of_clips_is_all_clips(server, tmp_path):
    server.files = {
        "MMAR-meta.json": json.dumps(mmar_rows("a")).encode(),
        "mmar-audio.tar.gz": archive({"a.wav": b"RIFF a"}),
    }
    assert fetch("mmar", tmp_path).num_missing == 0


def test_official_files_are_preferred_and_taken_as_they_are(server, tmp_path):
    server.files = {
        "mmau-test-mini.json": mmau_rows("a"),
        "test-mini-audios.tar.gz": archive({"test-mini-audios/a.wav": b"RIFF"}),
        "test_mini.parquet": b"never asked for",
    }
    fetch("mmau", tmp_path)
    assert (tmp_path / "mmau-test-mini.json").read_bytes() == mmau_rows("a")
    assert not [path for path, _, _ in server.asked if "parquet" in path]


def test_a_parquet_file_becomes_the_official_rows_and_their_clips(server, tmp_path):
    rows = [parquet_row("a", choices=["(A) Man", "(B)  Woman"], answer="(B)  Woman"), parquet_row("b-2", answer="")]
    server.files = {"test_mini.parquet": parquet(tmp_path, rows)}
    findings = fetch("mmau", tmp_path / "mmau")
    assert (findings.num_items, findings.num_missing, findings.num_withheld) == (2, 0, 1)
    first = load("mmau", tmp_path / "mmau").items[0]
    assert (first.choices, first.answer) == (("Man", " Woman"), " Woman")
    assert first.groups == {"task": "speech", "difficulty": "easy", "category": "Reasoning", "subcategory": "x"}
    assert (tmp_path / "mmau" / "test-mini-audios" / "b-2.wav").read_bytes() == b"RIFF b-2"


def test_only_choices_that_are_lettered_in_order_lose_their_letters(server, tmp_path):
    row = parquet_row("a", choices=["(B) flat", "(A) flat"], answer="(B) flat")
    server.files = {"test_mini.parquet": parquet(tmp_path, [row])}
    fetch("mmau", tmp_path / "mmau")
    assert load("mmau", tmp_path / "mmau").items[0].choices == ("(B) flat", "(A) flat")


@pytest.mark.parametrize("id", ["../evil", "a/b", "", ".hidden"])
def test_an_id_that_would_lead_out_of_the_folder_is_refused(server, tmp_path, id):
    server.files = {"test_mini.parquet": parquet(tmp_path, [parquet_row(id)])}
    with pytest.raises(MalformedRow, match="no name of a file"):
        fetch("mmau", tmp_path / "mmau")


def test_a_parquet_file_of_other_columns_is_refused(server, tmp_path):
    server.files = {"test_mini.parquet": parquet(tmp_path, [{"audio": b"", "text": "x"}])}
    with pytest.raises(MalformedRow, match="other_attributes"):
        fetch("mmau", tmp_path / "mmau")


@pytest.mark.parametrize(
    "content",
    [archive({"../evil.wav": b""}), archive({"audio/a.wav": b""}, link="../../../evil"), b"no archive"],
    ids=["path", "link", "garbage"],
)
def test_an_archive_that_cannot_be_trusted_is_refused(server, tmp_path, content):
    server.files = {"MMAR-meta.json": json.dumps(mmar_rows("a")).encode(), "mmar-audio.tar.gz": content}
    with pytest.raises(InvalidInput, match="archive"):
        fetch("mmar", tmp_path / "mmar")
    assert not list(tmp_path.rglob("evil*"))
    assert not (tmp_path / "mmar" / "MMAR-meta.json").exists()


def test_a_download_that_broke_goes_on_and_the_rows_appear_last(server, tmp_path):
    clips = archive({f"audio/{n}.wav": bytes(range(256)) * n for n in range(1, 40)})
    server.files = {"MMAR-meta.json": json.dumps(mmar_rows("1")).encode(), "mmar-audio.tar.gz": clips}
    server.breaks = [10_000, len(clips) // 2] + [0] * 100
    with pytest.raises(Unavailable):
        fetch("mmar", tmp_path)
    assert not (tmp_path / "MMAR-meta.json").exists()
    server.breaks = []
    assert fetch("mmar", tmp_path).num_missing == 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert len([path for path, _, _ in server.asked if path.endswith("MMAR-meta.json")]) == 1


def test_what_is_whole_is_not_fetched_again_but_another_revision_is(server, tmp_path):
    server.files = {"test_mini.parquet": parquet(tmp_path, [parquet_row("a")])}
    fetch("mmau", tmp_path / "mmau")
    before = len(server.asked)
    fetch("mmau", tmp_path / "mmau")
    assert len(server.asked) == before
    server.revision = "v1"
    fetch("mmau", tmp_path / "mmau", revision="v1")
    assert len(server.asked) > before


def test_data_brought_by_hand_is_left_alone_if_it_is_whole(server, tmp_path):
    (tmp_path / "mmau-test-mini.json").write_bytes(mmau_rows("a"))
    (tmp_path / "test-mini-audios").mkdir()
    (tmp_path / "test-mini-audios" / "a.wav").write_bytes(b"RIFF")
    assert fetch("mmau", tmp_path).num_missing == 0
    assert server.asked == []


def test_a_repository_of_another_layout_is_refused_by_what_it_has(server, tmp_path):
    server.files = {"notes.txt": b""}
    with pytest.raises(NotFound, match=r"notes\.txt"):
        fetch("mmar", tmp_path)


def test_a_disk_without_room_is_noticed_before_the_first_byte(server, tmp_path, monkeypatch):
    server.files = {"test_mini.parquet": b"x" * 1000}
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1999})())
    with pytest.raises(NotReady, match="GB are needed"):
        fetch("mmau", tmp_path)
    assert len(server.asked) == 1


def test_a_benchmark_that_is_not_on_the_hub_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="mmau, mmar"):
        fetch("akb", tmp_path)


def test_a_check_counts_rows_clips_and_what_is_missing(tmp_path):
    (tmp_path / "mmau-test-mini.json").write_bytes(mmau_rows(*"abcdefgh"))
    findings = check("mmau", tmp_path)
    assert (findings.num_items, findings.num_missing) == (8, 8)
    assert findings.missing == tuple(tmp_path / "test-mini-audios" / f"{id}.wav" for id in "abcde")
    assert findings.sha256 == load("mmau", tmp_path).sha256
    with pytest.raises(NotFound, match=r"MMAR-meta\.jsonl"):
        check("mmar", tmp_path)
