import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import EngineFailure, InvalidInput, NotFound, NotReady, Overloaded, Unavailable
from earwitness.fanout import is_retriable
from earwitness.openai import Endpoint
from earwitness.openai.failures import MAX_MESSAGE_CHARS, failure, is_out_of_tokens
from earwitness.openai.keys import Key

SECRET = "sk-proj-0123456789abcdef"
MODEL = Endpoint(name="mine", base_url="http://host/v1", model="m", key_env="MINE_KEY")
OPENAI = {"error": {"message": "The words.", "type": "invalid_request_error", "param": "x", "code": None}}


def fail(status, body="", headers=None):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return failure(status, headers or {}, data, MODEL, Key(SECRET))


@pytest.mark.parametrize(
    ("status", "cls", "again"),
    [
        (400, InvalidInput, False),
        (413, InvalidInput, False),
        (422, InvalidInput, False),
        (404, NotFound, False),
        (401, NotReady, False),
        (402, NotReady, False),
        (403, NotReady, False),
        (308, NotReady, False),
        (408, Unavailable, True),
        (409, Unavailable, True),
        (429, Overloaded, True),
        (500, Unavailable, True),
        (502, Unavailable, True),
        (503, Unavailable, True),
        (504, Unavailable, True),
        (529, Overloaded, True),
        (204, EngineFailure, True),
    ],
)
def test_every_status_is_an_error_that_knows_whether_to_try_again(status, cls, again):
    error = fail(status, OPENAI)
    assert type(error) is cls
    assert is_retriable(error) is again
    assert f"openai:mine: HTTP {status}: The words." in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_where_it_belongs(status):
    assert "MINE_KEY" in fail(status).remedy


def test_a_server_that_wants_a_key_unasked_says_where_to_name_it():
    keyless = Endpoint(name="mine", base_url="http://host/v1", model="m")
    assert "key_env" in failure(401, {}, b"", keyless, Key("")).remedy


def test_a_spent_quota_is_not_asked_again():
    assert type(fail(429, {"error": {"message": "You exceeded", "code": "insufficient_quota"}})) is NotReady


@pytest.mark.parametrize(
    "body",
    [
        OPENAI,
        [OPENAI],
        {"error": "The words."},
        {"object": "error", "message": "The words.", "code": 400},
        {"type": "error", "error": {"type": "invalid_request_error", "message": "The words."}},
        {"detail": "The words."},
        {"detail": [{"loc": ["body"], "msg": "The words.", "input": {"data": "UklG"}}]},
        "The words.",
        '{"error": {"message": "The\\n\\n  words."}}',
    ],
)
def test_the_words_are_found_in_every_shape(body):
    assert fail(400, body).message == "HTTP 400: The words."


@pytest.mark.parametrize("body", ["", {}, [], {"error": {"message": None}}, {"detail": []}, {"input": "UklGRiQA"}])
def test_no_words_are_no_error(body):
    assert fail(400, body).message == "HTTP 400: no message"


def test_a_long_message_is_cut_to_one_line():
    message = fail(400, "a page\n" * 500).message
    assert "\n" not in message
    assert len(message) <= MAX_MESSAGE_CHARS + len("HTTP 400: ")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_neither_key_nor_clip_is_repeated(status):
    error = fail(status, {"error": {"message": f"Bearer {SECRET} sent " + "UklGRiQAAABXQVZF" * 50}})
    assert SECRET not in repr(error)
    assert "UklGRiQA" not in repr(error)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "inf"}, 1.0),
        ({"retry-after": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
def test_the_wait_is_as_the_server_says(headers, wait_s):
    assert fail(429, "", headers).retry_after_s == wait_s


def test_the_wait_may_be_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < fail(429, "", {"retry-after": later}).retry_after_s <= 30


def test_gemini_says_in_its_body_when_to_try_again():
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    error = fail(429, [{"error": {"code": 429, "message": "Quota", "details": [info]}}])
    assert error.retry_after_s == 34.5


@pytest.mark.parametrize("status", [408, 500, 503])
def test_any_passing_failure_may_name_a_wait(status):
    error = fail(status, "", {"retry-after": "9"})
    assert type(error) is Overloaded
    assert error.retry_after_s == 9


def test_reasoning_up_to_the_limit_is_told_from_a_wrong_request():
    message = "Could not finish the message because max_tokens or model output limit was reached. Please try again."
    assert is_out_of_tokens(fail(400, {"error": {"message": message}}))
    assert not is_out_of_tokens(fail(400, OPENAI))


@given(st.integers(300, 599), st.text(max_size=40), st.binary(max_size=80))
def test_no_reply_breaks_the_reader(status, stated, body):
    error = failure(status, {"retry-after": stated}, body, MODEL, Key(SECRET))
    assert "\n" not in error.message
