"""What is kept of a call over HTTP: the same as of one over gRPC."""

import asyncio
import json
import logging

import aiohttp
import pytest

from earwitness.account import REQUEST_ID
from earwitness.logs import FIELDS
from earwitness.metrics.declared import CALLS, TOKENS
from earwitness.sampling import Generation
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "a rose is a rose"}]}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class EndlessEngine(EchoTextEngine):
    """Says one word after the other until nobody listens."""

    async def stream(self, turns, sampling, *, thinking):
        for number in range(1, 10_000):
            yield (
                "word ",
                Generation(text="word " * number, finish_reason="stop", prompt_tokens=5, completion_tokens=number),
            )
            await asyncio.sleep(0.06)


@pytest.fixture
async def served():
    config = LlmConfig(engine="echo")
    servicer = LlmServicer(config, EndlessEngine(config))
    runner, port = await mounts.start(servicer.http)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield servicer, http
    await runner.cleanup()


async def counted(servicer, number):
    """Returns the calls by RPC and code once there are so many."""
    async with asyncio.timeout(5):
        while sum(value for _, value in servicer.metrics.values(CALLS)) < number:
            await asyncio.sleep(0.01)
    return {labels[:2]: value for labels, value in servicer.metrics.values(CALLS)}


async def test_calls_are_counted_by_endpoint_and_code_and_their_tokens_too(served):
    servicer, http = served
    bodies = [CHAT, CHAT | {"n": 2}, {"model": "other"} | {"messages": CHAT["messages"]}]
    for body in bodies:
        await http.post("/v1/chat/completions", json=body)
    await http.post("/v1/completions", json={"model": "echo", "prompt": "a rose is"})
    await http.get("/v1/models")
    await http.get("/v1/made/up")
    assert await counted(servicer, 6) == {
        ("ChatCompletions", "OK"): 2,
        ("ChatCompletions", "NOT_FOUND"): 1,
        ("Completions", "OK"): 1,
        ("GetModelInfo", "OK"): 1,
        ("unknown", "NOT_FOUND"): 1,
    }
    assert dict(servicer.metrics.values(TOKENS)) == {
        ("prompt", "anonymous"): 5 + 2 * 5 + 3,
        ("answer", "anonymous"): 5 + 2 * 5 + 3,
    }


async def test_the_request_id_and_the_trace_of_the_headers_reach_the_log_and_the_id_comes_back(served, caplog):
    headers = {"X-Request-ID": "mine", "Traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    with caplog.at_level(logging.INFO, "earwitness"):
        async with served[1].post("/v1/chat/completions", json=CHAT, headers=headers) as response:
            assert response.headers[REQUEST_ID] == "mine"
        async with served[1].post("/v1/chat/completions", data=b"{", headers={"X-Request-ID": "a b"}) as response:
            assert response.status == 400
            made = response.headers[REQUEST_ID]
    good, bad = [record.__dict__[FIELDS] for record in caplog.records if FIELDS in record.__dict__]
    assert {"service": "llm", "rpc": "ChatCompletions", "code": "OK"}.items() <= good.items()
    assert bad["code"] == "INVALID_ARGUMENT"
    assert made not in ("a b", "mine")


async def test_a_stream_is_one_call_that_lasts_until_nobody_listens(served):
    servicer, http = served
    async with http.post("/v1/chat/completions", json=CHAT | {"stream": True}) as response:
        assert response.headers[REQUEST_ID]
        told = [await response.content.readline() for _ in range(6)]
        assert sum(value for _, value in servicer.metrics.values(CALLS)) == 0
    assert json.loads(told[0].removeprefix(b"data: "))["choices"][0]["delta"]["role"] == "assistant"
    assert await counted(servicer, 1) == {("ChatCompletions", "CANCELLED"): 1}
    tokens = dict(servicer.metrics.values(TOKENS))
    assert tokens["prompt", "anonymous"] == 5
    assert 1 <= tokens["answer", "anonymous"] < 100
