import time

import pytest

from earwitness.errors import NotReady
from earwitness.openai import Endpoint, OpenAiClient
from earwitness.openai.keys import Key, read_key

SECRET = "sk-proj-0123456789abcdef"


def at(**key):
    return Endpoint(name="mine", base_url="http://host/v1", model="m", **key)


def test_a_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MINE_KEY", f" {SECRET}\n")
    assert read_key(at(key_env="MINE_KEY")).headers() == {"Authorization": f"Bearer {SECRET}"}


def test_a_key_comes_from_a_file(tmp_path):
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert read_key(at(key_file=tmp_path / "key")).headers() == {"Authorization": f"Bearer {SECRET}"}


def test_a_server_without_keys_is_sent_none():
    assert read_key(at()).headers() == {}


def test_a_missing_variable_is_named(monkeypatch):
    monkeypatch.delenv("MINE_KEY", raising=False)
    with pytest.raises(NotReady, match=r"openai:mine.*set the environment variable MINE_KEY"):
        OpenAiClient(at(key_env="MINE_KEY"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotReady, match=str(tmp_path / "key")):
        OpenAiClient(at(key_file=tmp_path / "key"))


@pytest.mark.parametrize("secret", ["sk-a\r\nX-Other: b", "sk-a b", "sk-\u00e9"])
def test_a_key_that_would_break_the_header_is_refused_and_not_shown(secret, monkeypatch):
    monkeypatch.setenv("MINE_KEY", secret)
    with pytest.raises(NotReady, match="MINE_KEY") as caught:
        read_key(at(key_env="MINE_KEY"))
    assert "sk-" not in repr(caught.value)


def test_a_key_shows_itself_nowhere(monkeypatch):
    monkeypatch.setenv("MINE_KEY", SECRET)
    client = OpenAiClient(at(key_env="MINE_KEY"))
    for shown in (repr(client), str(client), repr(vars(client)), f"{Key(SECRET)} {Key(SECRET)!r}"):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"the key {SECRET} is wrong", "the key [key] is wrong"),
        ("Incorrect API key provided: sk-proj-****************cdef.", "Incorrect API key provided: [key]."),
        ("got " + "UklGRiQA" * 40 + "== for audio", "got [data] for audio"),
        ("The model `org/Some-Model_7B` does not exist", "The model `org/Some-Model_7B` does not exist"),
    ],
)
def test_what_servers_say_is_scrubbed(said, shown):
    assert Key(SECRET).scrub(said) == shown


@pytest.mark.parametrize("said", ["a" * 2_000_000, "a-" * 1_000_000, "a*" * 1_000_000, "* " * 1_000_000])
def test_a_long_reply_is_scrubbed_in_no_time(said):
    started = time.monotonic()
    Key(SECRET).scrub(said)
    assert time.monotonic() - started < 2
