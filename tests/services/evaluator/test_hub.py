import hashlib
import random
from pathlib import Path

import pytest

from earwitness.errors import NotFound, NotReady, Unavailable
from services.evaluator import hub as hubs
from services.evaluator.hub import Hub
from tests.services.evaluator.hub_server import HubServer, serving

CONTENT = random.Random(3).randbytes(300_000)


@pytest.fixture(autouse=True)
def no_token(monkeypatch, tmp_path):
    """No token of the machine is read, and no proxy asked."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with serving(HubServer(files={"data/clips.tar.gz": CONTENT})) as running:
        yield running


def client(server: HubServer, **options) -> Hub:
    return Hub(repo="someone/Clips", endpoint=server.address, first_wait_s=0.001, **options)


def fetch(server: HubServer, to: Path, path: str = "data/clips.tar.gz", **options) -> list[int]:
    seen: list[int] = []
    hub = client(server, **options)
    hub.fetch(hub.files()[path], to, lambda _, have, __: seen.append(have))
    return seen


def test_a_file_comes_whole_and_its_progress_is_told(server, tmp_path):
    seen = fetch(server, tmp_path / "clips")
    assert (tmp_path / "clips").read_bytes() == CONTENT
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


def test_files_are_listed_over_all_pages_and_folders_left_out(server):
    server.files |= {f"{n}.json": b"{}" for n in range(7)}
    server.page_size = 3
    assert list(client(server).files()) == list(server.files)
    assert len(server.asked) == 3


def test_what_a_broken_connection_brought_is_kept_and_the_rest_asked_for(server, tmp_path):
    server.breaks = [100_000, 50_000]
    fetch(server, tmp_path / "clips")
    assert (tmp_path / "clips").read_bytes() == CONTENT
    assert server.ranges() == ["bytes=100000-", "bytes=150000-"]


def test_a_download_that_was_killed_goes_on_where_it_was(server, tmp_path):
    server.breaks = [100_000] + [0] * 100
    with pytest.raises(Unavailable, match="start the same command again"):
        fetch(server, tmp_path / "clips")
    assert not (tmp_path / "clips").exists()
    server.breaks = []
    fetch(server, tmp_path / "clips")
    assert (tmp_path / "clips").read_bytes() == CONTENT
    assert set(server.ranges()) == {"bytes=100000-"}


def test_a_partial_file_of_other_content_is_not_gone_on_with(server, tmp_path):
    server.breaks = [100_000] + [0] * 100
    with pytest.raises(Unavailable):
        fetch(server, tmp_path / "clips")
    server.breaks, server.files["data/clips.tar.gz"] = [], CONTENT[::-1]
    fetch(server, tmp_path / "clips")
    assert (tmp_path / "clips").read_bytes() == CONTENT[::-1]


def test_a_server_that_knows_no_ranges_sends_it_from_the_start(server, tmp_path):
    server.knows_ranges, server.breaks = False, [100_000]
    fetch(server, tmp_path / "clips")
    assert (tmp_path / "clips").read_bytes() == CONTENT


@pytest.mark.parametrize("in_git", [False, True], ids=["sha256", "git blob"])
def test_other_content_than_stated_is_refused_and_not_kept(server, tmp_path, in_git):
    server.in_git = {"data/clips.tar.gz"} if in_git else set()
    fetch(server, tmp_path / "right")
    server.sent_instead["data/clips.tar.gz"] = CONTENT[:-1] + b"!"
    with pytest.raises(Unavailable, match="not what the hub states"):
        fetch(server, tmp_path / "clips")
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


def test_a_busy_hub_is_asked_again_and_given_up_in_the_end(server, tmp_path):
    server.statuses = [429, 503]
    fetch(server, tmp_path / "clips")
    assert (tmp_path / "clips").exists()
    server.statuses = [503] * 100
    with pytest.raises(Unavailable, match="503"):
        client(server).files()


def test_an_empty_file_is_a_file(server, tmp_path):
    server.files["empty"] = b""
    fetch(server, tmp_path / "empty", "empty")
    assert (tmp_path / "empty").read_bytes() == b""


def test_what_the_hub_does_not_have_or_give_is_said(server, tmp_path):
    with pytest.raises(NotFound, match="revision v2"):
        client(server, revision="v2").files()
    server.token = "right"
    with pytest.raises(NotReady, match="HF_TOKEN"):
        client(server, token="wrong").files()


def test_a_revision_with_a_slash_is_one(server):
    server.revision = "refs/convert/parquet"
    assert client(server, revision="refs/convert/parquet").files()


def test_a_hub_that_is_not_there_is_unavailable():
    with serving(HubServer()) as gone:
        pass
    with pytest.raises(Unavailable, match="does not answer"):
        client(gone).files()


def test_the_token_goes_to_the_hub_and_never_to_where_it_redirects(server, tmp_path):
    with serving(HubServer(files=server.files)) as elsewhere:
        server.token, server.elsewhere = "secret", elsewhere.address
        fetch(server, tmp_path / "clips", token="secret")
        assert (tmp_path / "clips").read_bytes() == CONTENT
        assert {authorization for _, _, authorization in elsewhere.asked} == {""}
        assert {authorization for _, _, authorization in server.asked} == {"Bearer secret"}


def test_the_token_is_read_from_the_environment_or_its_file_and_is_in_no_repr(monkeypatch, tmp_path):
    assert hubs.token() == ""
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("from-file\n")
    assert hubs.token() == "from-file"
    monkeypatch.setenv("HF_TOKEN", "from-environment")
    assert hubs.token() == "from-environment"
    assert "from-environment" not in repr(Hub(repo="a/b"))


def test_a_mirror_is_named_by_the_environment(monkeypatch):
    assert hubs.endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert Hub(repo="a/b").endpoint == "https://mirror.example"


def test_a_folder_that_cannot_be_written_is_said(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotReady, match="cannot be written"):
        fetch(server, tmp_path / "file" / "clips")


def test_the_git_id_is_git_s():
    """`git hash-object` of a file with "hello\\n"."""
    assert hashlib.sha1(b"blob 6\0hello\n").hexdigest() == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert HubServer(files={"a": b"hello\n"}, in_git={"a"}).row("a")["oid"].startswith("ce013625")
