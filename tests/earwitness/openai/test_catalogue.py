from pathlib import Path

import pytest

from earwitness import config
from earwitness.errors import InvalidInput, NotFound, UnknownKey
from earwitness.openai import catalogue
from earwitness.openai.catalogue import FILE, FILE_ENV, Endpoint, endpoint

OURS = sorted(config.load(dict, FILE))
MINE = "base_url: http://127.0.0.1:8000/v1/, model: org/mine"


@pytest.fixture(autouse=True)
def no_catalogue_of_the_developer_s_own(monkeypatch):
    monkeypatch.delenv(FILE_ENV, raising=False)


@pytest.fixture
def own(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "endpoints.yaml"
        file.write_text(text)
        return file

    return write


def identity(**changes):
    return Endpoint(**({"name": "a", "base_url": "http://host:1/v1", "model": "m"} | changes)).identity()


@pytest.mark.parametrize("name", OURS)
def test_every_entry_of_ours_is_whole(name):
    entry = endpoint(name)
    assert entry.name == name
    assert entry.chat_url.endswith("/chat/completions")
    assert entry.key_env or entry.base_url.startswith("http://127.0.0.1")


def test_the_published_systems_are_there():
    assert {"gpt-5", "gpt-4o", "claude-sonnet-4.5", "gemini-2.5-pro", "gemini-2.0-flash"} <= set(OURS)


def test_the_identities_of_ours_differ():
    assert len({endpoint(name).identity().fingerprint for name in OURS}) == len(OURS)


def test_a_target_s_prefix_may_stay():
    assert endpoint("openai:gpt-4o") == endpoint("gpt-4o")


def test_an_unknown_name_is_met_with_the_known_ones():
    with pytest.raises(NotFound) as caught:
        endpoint("openai:gtp-5")
    assert "did you mean 'gpt-5'?" in str(caught.value)
    assert all(name in str(caught.value) for name in OURS)


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_file_adds_to_ours_and_replaces_them(how, own, monkeypatch):
    file = own(f"mine: {{{MINE}}}\ngpt-4o: {{{MINE}, top_logprobs: 5}}")
    if how == "environment":
        monkeypatch.setenv(FILE_ENV, str(file))
    argument = file if how == "argument" else None
    assert endpoint("mine", argument).chat_url == "http://127.0.0.1:8000/v1/chat/completions"
    assert endpoint("gpt-4o", argument).model == "org/mine"
    assert endpoint("gpt-4o", argument).key_env == ""  # replaced whole, not key by key
    assert endpoint("gpt-5", argument).model == "gpt-5-2025-08-07"


def test_the_argument_stands_above_the_environment(own, monkeypatch):
    monkeypatch.setenv(FILE_ENV, "/nowhere.yaml")
    assert endpoint("mine", own(f"mine: {{{MINE}}}")).model == "org/mine"


def test_a_missing_file_is_named(monkeypatch):
    monkeypatch.setenv(FILE_ENV, "/nowhere.yaml")
    with pytest.raises(NotFound, match=r"/nowhere\.yaml"):
        endpoint("gpt-5")


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        (f"{MINE}, temprature: false", UnknownKey, "mine.temprature: .*did you mean 'temperature'"),
        (f"{MINE}, thinking: {{bdy: {{}}}}", UnknownKey, r"mine.thinking.bdy: .*did you mean 'body'"),
        (f"{MINE}, temperature: warm", InvalidInput, "mine.temperature: expected `bool`"),
        (f"{MINE}, max_tokens_field: tokens", InvalidInput, "mine.max_tokens_field: "),
        ("model: m", InvalidInput, "mine: .*`base_url`.*endpoints.yaml"),
        ("base_url: 'ftp://host/v1', model: m", InvalidInput, "mine.base_url: .*such as https"),
        ("base_url: 'https://host/v1?version=1', model: m", InvalidInput, "mine.base_url: "),
    ],
)
def test_a_wrong_entry_is_refused_by_the_name_of_its_key(text, error, told, own):
    with pytest.raises(error, match=told):
        endpoint("mine", own(f"mine: {{{text}}}"))


@pytest.mark.parametrize(
    "text",
    [
        f"{MINE}, key_env: sk-a-secret",
        f"{MINE}, api_key: sk-a-secret",
        f"{MINE}, key: sk-a-secret",
        "base_url: 'https://user:sk-a-secret@host/v1', model: m",
    ],
)
def test_a_key_in_the_catalogue_is_refused_and_not_shown(text, own):
    with pytest.raises(InvalidInput) as caught:
        endpoint("mine", own(f"mine: {{{text}}}"))
    assert "a-secret" not in repr(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://host:2/v1"},
        {"model": "n"},
        {"revision": "2"},
        {"temperature": False},
        {"seed": False},
        {"body": {"reasoning_effort": "low"}},
        {"reasoning_tokens": 1},
        {"thinking": catalogue.Thinking(body={})},
    ],
)
def test_what_changes_answers_changes_the_identity(change):
    assert identity(**change).fingerprint != identity().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"base_url": "https://HOST:1/v1/"},
        {"key_env": "K"},
        {"max_tokens_field": "max_completion_tokens"},
    ],
)
def test_what_changes_no_answer_leaves_the_identity(change):
    assert identity(**change) == identity()


def test_an_identity_says_what_is_known():
    found = endpoint("gpt-4o").identity()
    assert (found.model, found.engine, found.dtype) == ("gpt-4o-2024-11-20", "openai", "")
    assert found.context_tokens == 128_000
    assert found.weights == found.fingerprint
    assert len(found.fingerprint) == 64
