"""The limits of what the LLM service takes beyond a conversation and its sampling; the others: tests/test_limits.py."""

import grpc
import pytest

from earwitness.channel import error_of
from earwitness.clients import LlmClient
from earwitness.errors import InvalidInput
from earwitness.v1 import llm_pb2, llm_pb2_grpc
from services.llm.config import LlmConfig
from services.llm.servicer import LlmServicer
from tests.serving import channel, serving


def conversation(**fields):
    return {"messages": [llm_pb2.ChatMessage(role="user", content="Hello.")], **fields}


def generate(**fields):
    return llm_pb2.GenerateRequest(**conversation(**fields))


def score(count):
    request = llm_pb2.ScoreChoicesRequest(**conversation(choices=["a", "b"]))
    return llm_pb2.ScoreChoicesBatchRequest(requests=[request] * count)


def schema(size):
    return '{"a":"' + "x" * (size - 8) + '"}'


LIMITS = [
    ("Generate", lambda n: generate(n=n), 16, 17, "n", "1 to 16"),
    ("Generate", lambda n: generate(top_logprobs=n), 20, 21, "top_logprobs", "at most 20"),
    ("Generate", lambda size: generate(json_schema=schema(size)), 65536, 65537, "json_schema", "at most 65536"),
    ("Generate", lambda size: generate(adapter="a" * size), 256, 257, "adapter", "at most 256"),
    ("ScoreChoicesBatch", score, 256, 257, "requests", "1 to 256"),
    ("ScoreChoicesBatch", score, 1, 0, "requests", "1 to 256"),
]
"""RPC, request, what is just within, what is just beyond, the field, and the limit as the refusal says it."""


async def refusal(rpc, request):
    """Calls the RPC; returns the error that it answers with, if any."""
    server = serving(LlmServicer(LlmConfig(engine="echo")), LlmClient)
    async with server as client, channel(client.endpoint.address) as bare:
        try:
            call = getattr(llm_pb2_grpc.LlmServiceStub(bare), rpc)
            await (call(request).read() if rpc == "GenerateStream" else call(request))
        except grpc.aio.AioRpcError as error:
            return error_of(error, "")
    return None


@pytest.mark.parametrize(("rpc", "request_of", "within", "beyond", "field", "says"), LIMITS)
async def test_a_stated_limit_is_kept(rpc, request_of, within, beyond, field, says):
    error = await refusal(rpc, request_of(beyond))
    assert isinstance(error, InvalidInput)
    assert error.field == field
    assert says in str(error)
    assert says not in str(await refusal(rpc, request_of(within)))


@pytest.mark.parametrize(
    ("rpc", "request_", "field"),
    [
        ("GenerateStream", llm_pb2.GenerateStreamRequest(request=generate(n=2)), "request.n"),
        ("Generate", generate(json_schema="[]"), "json_schema"),
        ("Generate", generate(json_schema="{" * 60_000), "json_schema"),
        ("ScoreChoices", llm_pb2.ScoreChoicesRequest(**conversation(choices=["a", "b"], by=7)), "by"),
    ],
)
async def test_what_can_never_be_answered_is_refused_by_its_field(rpc, request_, field):
    error = await refusal(rpc, request_)
    assert isinstance(error, InvalidInput)
    assert error.field == field
