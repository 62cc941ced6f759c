"""The OpenAI-compatible endpoints over real HTTP, in front of the echo engine."""

import asyncio
import hashlib
import json

import aiohttp
import pytest

from earwitness.gate import Gate
from services.llm.config import LlmConfig
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "a rose is a rose"}]}
TEXT = {"model": "echo", "prompt": "a rose is a rose"}
TOKEN = "0123456789abcdef0123"


@pytest.fixture
async def served(request):
    servicer = LlmServicer(LlmConfig(engine="echo", **getattr(request, "param", {})))
    runner, port = await mounts.start(servicer.http)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield servicer, http
    await runner.cleanup()


async def post(http, path, body, **options):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with http.post(path, data=data, **options) as response:
        return response.status, response.headers, await response.json()


async def test_a_chat_is_answered_in_openais_shape(served):
    status, _, answer = await post(served[1], "/v1/chat/completions", CHAT | {"max_tokens": 2, "n": 2})
    assert status == 200
    assert answer["object"] == "chat.completion"
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "a rose", "refusal": None}
    assert answer["usage"] == {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}


async def test_parts_of_text_are_one_text_and_a_developer_is_the_system(served):
    parts = [{"type": "text", "text": "a rose"}, {"type": "text", "text": " is"}]
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    _, _, answer = await post(served[1], "/v1/chat/completions", CHAT | {"messages": messages})
    assert answer["choices"][0]["message"]["content"] == "a rose is"


async def test_a_stream_ends_with_its_reason_its_usage_and_done(served):
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    async with served[1].post("/v1/chat/completions", json=body) as response:
        assert response.content_type == "text/event-stream"
        events = [line.removeprefix("data: ") for line in (await response.text()).split("\n\n") if line]
    *chunks, usage = map(json.loads, events[:-1])
    assert events[-1] == "[DONE]"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "a rose is a rose"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 10)
    assert served[0].admission.in_flight == 0


async def events_of(http, path, body):
    """Returns the choices of a stream's chunks, and its usage."""
    body = body | {"stream": True, "stream_options": {"include_usage": True}}
    async with http.post(path, json=body) as response:
        assert response.status == 200, await response.text()
        events = [line.removeprefix("data: ") for line in (await response.text()).split("\n\n") if line]
    assert events[-1] == "[DONE]"
    *chunks, last = map(json.loads, events[:-1])
    return [choice for chunk in chunks for choice in chunk["choices"]], last["usage"]


async def test_the_answers_of_one_stream_come_side_by_side_under_their_numbers(served):
    choices, usage = await events_of(served[1], "/v1/chat/completions", CHAT | {"n": 3, "max_tokens": 2})
    for index in range(3):
        own = [choice for choice in choices if choice["index"] == index]
        assert own[0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(choice["delta"].get("content", "") for choice in own) == "a rose"
        assert [choice["finish_reason"] for choice in own].count("stop") == 1
    assert usage == {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}
    assert served[0].admission.in_flight == 0


async def test_a_stream_of_completions_numbers_prompts_and_answers(served):
    choices, usage = await events_of(served[1], "/v1/completions", TEXT | {"prompt": ["one two", "three"], "n": 2})
    texts = {choice["index"]: choice["text"] for choice in choices if choice["text"]}
    assert texts == {0: "one two", 1: "one two", 2: "three", 3: "three"}
    assert usage == {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9}


async def test_completions_answer_every_prompt_and_echo_it(served):
    body = TEXT | {"prompt": ["one two", "three"], "echo": True, "max_tokens": 1}
    _, _, answer = await post(served[1], "/v1/completions", body)
    assert [choice["text"] for choice in answer["choices"]] == ["one twotwo", "threethree"]


async def test_the_models_are_listed(served):
    async with served[1].get("/v1/models") as response:
        (model,) = (await response.json())["data"]
    assert model["id"] == "echo"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("chat/completions", b"{", "body"),
        ("chat/completions", b"\xff", "body"),
        ("chat/completions", b"[" * 100_000, "body"),
        ("chat/completions", CHAT | {"messages": []}, "messages"),
        ("chat/completions", CHAT | {"messages": [{"role": "tool", "content": ""}]}, "messages[0].role"),
        ("chat/completions", CHAT | {"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ("chat/completions", CHAT | {"temperature": 3}, "temperature"),
        ("chat/completions", CHAT | {"max_tokens": 4097}, "max_tokens"),
        ("chat/completions", CHAT | {"max_tokens": 0}, "max_tokens"),
        ("chat/completions", CHAT | {"n": 17}, "n"),
        ("chat/completions", CHAT | {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ("chat/completions", CHAT | {"tools": [{}]}, "tools"),
        ("chat/completions", CHAT | {"frequency_penalty": 1}, "frequency_penalty"),
        ("chat/completions", CHAT | {"stop": ["a"] * 9}, "stop"),
        ("chat/completions", CHAT | {"response_format": {"type": "yaml"}}, "response_format"),
        ("completions", TEXT | {"prompt": []}, "prompt"),
        ("completions", TEXT | {"prompt": ["a"] * 257}, "prompt"),
        ("completions", TEXT | {"prompt": ["a", 1]}, "prompt[1]"),
        ("completions", TEXT | {"prompt": [-1]}, "prompt"),
        ("completions", TEXT | {"prompt": "a" * 262_145}, "prompt"),
        ("completions", TEXT | {"logprobs": 21}, "logprobs"),
        ("completions", TEXT | {"max_tokens": 0, "stream": True}, "max_tokens"),
        ("completions", TEXT | {"suffix": "x"}, "suffix"),
        ("completions", TEXT | {"echo": True, "stream": True}, "echo"),
    ],
)
async def test_what_cannot_be_answered_is_a_400_with_its_field(served, path, body, param):
    status, _, answer = await post(served[1], f"/v1/{path}", body)
    assert status == 400
    assert answer["error"]["param"] == param
    assert answer["error"]["type"] == "invalid_request_error"
    assert served[0].admission.in_flight == 0


async def test_an_unknown_model_is_a_404_that_names_the_known(served):
    status, _, answer = await post(served[1], "/v1/chat/completions", CHAT | {"model": "gpt"})
    assert (status, answer["error"]["code"]) == (404, "model_not_found")
    assert "known: echo" in answer["error"]["message"]


@pytest.mark.parametrize("served", [{"echo_delay_s": 0.5, "max_in_flight": 1}], indirect=True)
async def test_overload_is_a_429_that_says_when_to_try_again(served):
    first = asyncio.create_task(post(served[1], "/v1/chat/completions", CHAT))
    while not served[0].admission.in_flight:
        await asyncio.sleep(0.001)
    for body in (CHAT, CHAT | {"stream": True}):
        status, headers, answer = await post(served[1], "/v1/chat/completions", body)
        assert (status, headers["Retry-After"]) == (429, "1")
        assert answer["error"]["type"] == "rate_limit_error"
    assert (await first)[0] == 200


@pytest.mark.parametrize("served", [{"echo_delay_s": 60}], indirect=True)
async def test_a_client_that_goes_away_frees_its_place(served):
    for body in (CHAT, CHAT | {"stream": True}, CHAT | {"stream": True, "n": 4}):
        call = asyncio.create_task(post(served[1], "/v1/chat/completions", body))
        while not served[0].admission.in_flight:
            await asyncio.sleep(0.001)
        call.cancel()
        async with asyncio.timeout(5):
            while served[0].admission.in_flight:
                await asyncio.sleep(0.001)
        assert served[0].admission.in_flight == 0


async def test_who_has_no_token_is_refused_before_the_body_is_read(served, tmp_path):
    callers = tmp_path / "callers.yaml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    rows = [{"name": "team", "token_sha256": digest}, {"name": "other", "token": TOKEN[::-1], "rights": ["lalm"]}]
    callers.write_text(json.dumps({"callers": rows}))
    served[0].gate = Gate(served[0].service, callers)
    for token, expected in (("", 401), ("x" * 20, 401), (TOKEN[::-1], 403), (TOKEN, 400)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, replied, answer = await post(served[1], "/v1/chat/completions", b"{", headers=headers)
        assert status == expected
        assert token == "" or token not in str(answer)
        assert ("WWW-Authenticate" in replied) == (expected == 401)
    status, _, _ = await post(served[1], "/v1/chat/completions", CHAT, headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200


async def test_another_path_is_a_404_that_names_the_endpoints(served):
    status, _, answer = await post(served[1], "/v1/embeddings", {})
    assert status == 404
    assert "/v1/chat/completions" in answer["error"]["message"]
