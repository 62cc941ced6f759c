"""The LLM service in front of an OpenAI-compatible API: another LLM service of ours."""

import asyncio
import json

import aiohttp
import pytest
import yaml

from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound
from earwitness.sampling import Extras, Sampling, Token
from services.llm.config import LlmConfig
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer
from tests.earwitness.openai.conftest import vendor as vendor
from tests.serving import serving

TURNS = [Turn(role="user", content="a rose is a rose")]


@pytest.fixture
async def config(tmp_path):
    runner, port = await mounts.start(LlmServicer(LlmConfig(engine="echo")).http)
    entry = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "echo", "top_logprobs": 0}
    (tmp_path / "endpoints.yaml").write_text(yaml.safe_dump({"near": entry, "wrong": entry | {"model": "gone"}}))
    yield LlmConfig(engine="openai", model="openai:near", endpoints=tmp_path / "endpoints.yaml")
    await runner.cleanup()


async def test_conversations_pass_through_and_the_model_is_the_endpoints(config):
    async with serving(LlmServicer(config), LlmClient) as client:
        answer = await client.generate(TURNS, Sampling(max_tokens=2))
        identity = await client.identity()
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("a rose", 5, 2)
    assert (identity.model, identity.engine) == ("echo", "openai")


async def test_an_error_of_the_api_is_the_services_error(config):
    wrong = LlmConfig(engine="openai", model="openai:wrong", endpoints=config.endpoints)
    async with serving(LlmServicer(wrong), LlmClient) as client:
        with pytest.raises(NotFound, match="gone"):
            await client.generate(TURNS)


@pytest.mark.parametrize(
    ("extras", "error"),
    [
        (Extras(adapter="a"), NotFound),
        (Extras(top_logprobs=0), InvalidInput),
        (Extras(json_schema="{}"), InvalidInput),
    ],
)
async def test_what_an_api_does_not_have_is_refused_and_not_ignored(config, extras, error):
    async with serving(LlmServicer(config), LlmClient) as client:
        with pytest.raises(error):
            await client.generate(TURNS, extras=extras)


async def test_what_an_api_has_is_asked_for_and_handed_back(vendor, tmp_path):
    choice = vendor.body["choices"][0]
    choice["logprobs"] = {
        "content": [{"token": "B", "logprob": -0.5, "top_logprobs": [{"token": "A", "logprob": -1.5}]}]
    }
    entry = {"base_url": f"{vendor.url}/v1", "model": "m", "top_logprobs": 20, "json_schema": True}
    (tmp_path / "endpoints.yaml").write_text(yaml.safe_dump({"vendor": entry}))
    servicer = LlmServicer(LlmConfig(engine="openai", model="openai:vendor", endpoints=tmp_path / "endpoints.yaml"))
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    async with serving(servicer, LlmClient) as client:
        answer = await client.generate(TURNS, extras=Extras(top_logprobs=1, json_schema=json.dumps(schema)))
    assert answer.tokens == (Token(text="B", logprob=-0.5, top=(("A", -1.5),)),)
    assert vendor.bodies[0]["response_format"]["json_schema"]["schema"] == schema
    servicer.engine.stop()
    async with asyncio.timeout(5):
        while not all(connection.is_closing() for connection in vendor.connections):
            await asyncio.sleep(0.001)


async def test_over_http_too_the_field_is_named_that_an_api_does_not_have(config):
    runner, port = await mounts.start(LlmServicer(config).http)
    asked = {
        "model": "echo",
        "messages": [{"role": "user", "content": "a"}],
        "response_format": {"type": "json_object"},
    }
    async with aiohttp.ClientSession() as http:
        for body in (asked, asked | {"stream": True}):
            async with http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as response:
                assert (response.status, (await response.json())["error"]["param"]) == (400, "response_format")
    await runner.cleanup()
