"""What is kept of real calls to a plain server: counts, lines of the log, and the ids that go back."""

import asyncio
import json
import logging

import grpc
import pytest

from earwitness import logs
from earwitness.account import WELL_FORMED
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError, InvalidInput
from earwitness.metrics.declared import CALLS
from earwitness.v1 import llm_pb2, llm_pb2_grpc
from tests.serving import FunctionServicer, channel, said, serving

TURNS = [Turn(role="user", content="A secret prompt")]
REQUEST = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content="A secret prompt")])
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TOKENS = {name: f"{name}-0123456789abcdef" for name in ("person", "night")}


@pytest.fixture
def lines():
    """The lines that the service logs as JSON."""
    kept = []

    class Keep(logging.Handler):
        def emit(self, record):
            kept.append(json.loads(self.format(record)))

    handler = Keep()
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("earwitness")
    level, before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(level)
    logger.propagate = before


@pytest.fixture
def callers(tmp_path, monkeypatch):
    file = tmp_path / "callers.yaml"
    file.write_text(
        f"callers: [{{name: person, token: {TOKENS['person']}, rights: [captioner]}},"
        f" {{name: night, token: {TOKENS['night']}, priority: sweep}}]"
    )
    monkeypatch.setenv("EARWITNESS_CALLERS", str(file))


async def greet(request):
    return said("Hello.")


async def ended(servicer, count=1):
    """Waits until so many calls have been counted: the last of them ends a moment after its answer has come."""
    async with asyncio.timeout(5):
        while sum(calls_of(servicer).values()) < count:
            await asyncio.sleep(0.005)
    return calls_of(servicer)


def calls_of(servicer):
    return dict(servicer.metrics.values(CALLS))


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return dict(caught.value.trailing_metadata())


async def test_a_call_is_counted_and_logged_once_with_its_ids_and_nothing_of_what_was_said(lines):
    servicer = FunctionServicer(greet)
    metadata = [("x-request-id", "mine-1"), ("traceparent", f"00-{TRACE}-{PARENT}-01")]
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).Generate(REQUEST, metadata=metadata)
        await call
        assert dict(await call.trailing_metadata())["x-request-id"] == "mine-1"
    assert await ended(servicer) == {("Generate", "OK", "anonymous"): 1}
    (line,) = lines
    assert line.pop("seconds") > 0
    assert line.pop("time").endswith("Z")
    assert line.pop("message").startswith("Generate OK ")
    assert line == {
        "severity": "INFO", "logger": "earwitness.account", "service": "llm", "rpc": "Generate", "code": "OK",
        "caller": "anonymous", "request_id": "mine-1", "trace_id": TRACE, "span_id": PARENT,
    }  # fmt: skip


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129, 'a"b'])
async def test_a_request_id_that_is_missing_or_malformed_is_made(sent, lines):
    metadata = [] if sent is None else [("x-request-id", sent)]
    async with serving(FunctionServicer(greet), LlmClient) as client, channel(client.endpoint.address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).Generate(REQUEST, metadata=metadata)
        await call
        made = dict(await call.trailing_metadata())["x-request-id"]
    assert made != sent
    assert WELL_FORMED.fullmatch(made)
    assert [line["request_id"] for line in lines] == [made]


async def test_a_refusal_brings_its_details_and_its_request_id(lines):
    async def answer(request):
        raise InvalidInput("is too long", "messages[0].content")

    servicer = FunctionServicer(answer)
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        trailing = await refused(stub.Generate(REQUEST, metadata=[("x-request-id", "mine-2")]))
        assert trailing["x-request-id"] == "mine-2"
        assert "grpc-status-details-bin" in trailing
        with pytest.raises(InvalidInput, match="is too long"):
            await client.generate(TURNS)
    assert await ended(servicer, 2) == {("Generate", "INVALID_ARGUMENT", "anonymous"): 2}
    assert {line["code"] for line in lines} == {"INVALID_ARGUMENT"}


async def test_a_bug_is_one_line_with_a_traceback_under_the_number_that_the_caller_is_told(lines):
    async def answer(request):
        raise RuntimeError("hunter2")

    async with serving(FunctionServicer(answer), LlmClient) as client, channel(client.endpoint.address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Generate(REQUEST, metadata=[("x-request-id", "mine-3")])
    assert "mine-3" in caught.value.details()
    assert "hunter2" not in str(caught.value)
    failure, call = lines
    assert failure["severity"] == "ERROR"
    assert "RuntimeError: hunter2" in failure["traceback"]
    assert (failure["request_id"], call["request_id"]) == ("mine-3", "mine-3")
    assert (call["code"], "traceback" in call) == ("INTERNAL", False)


async def test_a_caller_who_leaves_and_one_whose_deadline_passes_are_told_apart():
    async def answer(request):
        await asyncio.sleep(60)

    servicer = FunctionServicer(answer)
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        leaving = stub.Generate(REQUEST)
        late = stub.GenerateStream(llm_pb2.GenerateStreamRequest(), timeout=0.2)
        await asyncio.sleep(0.05)
        leaving.cancel()
        assert await late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        counted = await ended(servicer, 2)
    assert counted == {
        ("Generate", "CANCELLED", "anonymous"): 1,
        ("GenerateStream", "DEADLINE_EXCEEDED", "anonymous"): 1,
    }


async def test_whoever_is_refused_at_the_door_is_counted_too_and_labels_stay_bounded(callers, lines):
    servicer = FunctionServicer(greet)
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)

        def bearer(name):
            return [("authorization", f"Bearer {TOKENS[name]}")]

        await stub.Generate(REQUEST, metadata=bearer("night"))
        assert "x-request-id" in await refused(stub.Generate(REQUEST, metadata=bearer("person")))
        assert "x-request-id" in await refused(stub.Generate(REQUEST))
        await refused(bare.unary_unary("/earwitness.v1.LlmService/Invented")(b""))
        counted = await ended(servicer, 4)
    assert counted == {
        ("Generate", "OK", "night"): 1,
        ("Generate", "PERMISSION_DENIED", "person"): 1,
        ("Generate", "UNAUTHENTICATED", "anonymous"): 1,
        ("unknown", "UNAUTHENTICATED", "anonymous"): 1,
    }
    assert not any(token in json.dumps(lines) for token in TOKENS.values())


async def test_health_checks_are_counted_but_logged_only_for_who_wants_to_see_them(lines):
    servicer = FunctionServicer(greet)
    async with serving(servicer, LlmClient) as client:
        await client.ready(5)
        assert (await ended(servicer))[("Check", "OK", "anonymous")] >= 1
    assert lines == []
    logging.getLogger("earwitness").setLevel(logging.DEBUG)
    async with serving(FunctionServicer(greet), LlmClient) as client:
        await client.ready(5)
    assert "Check" in {line.get("rpc") for line in lines}


def test_every_error_has_a_code_that_grpc_knows():
    for cls in [EarwitnessError, *EarwitnessError.__subclasses__()]:
        assert cls.code in grpc.StatusCode.__members__
