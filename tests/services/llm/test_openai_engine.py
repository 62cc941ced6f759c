"""The LLM service in front of an OpenAI-compatible API: another LLM service of ours."""

import pytest
import yaml

from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound
from earwitness.sampling import Extras, Sampling
from services.llm.config import LlmConfig
from services.llm.openai_engine import OpenAiTextEngine
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer
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
async def test_what_an_api_may_not_do_is_refused_and_not_ignored(config, extras, error):
    with pytest.raises(error):
        await OpenAiTextEngine(config).with_extras(extras)
