import asyncio
import pickle
import socket
import time

import grpc
import pytest

from earwitness import server
from earwitness.channel import MAX_MESSAGE_BYTES, RECONNECT_MS, Endpoint
from earwitness.errors import (
    DeadlineExceeded,
    EarwitnessError,
    InvalidInput,
    NotFound,
    NotReady,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from earwitness.fanout import is_retriable
from earwitness.v1 import captioner_pb2, captioner_pb2_grpc, llm_pb2, llm_pb2_grpc
from tests.serving import FunctionServicer, said


async def generate(endpoint, content="", timeout_s=60.0):
    request = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content=content)])
    stub, answer = llm_pb2_grpc.LlmServiceStub, llm_pb2.GenerateResponse
    return (await endpoint.call(stub, "Generate", request, answer, timeout_s)).generation.text


async def echo(request):
    return said(request.messages[0].content)


@pytest.fixture
async def port():
    running, port = await server.start(FunctionServicer(echo))
    yield port
    await running.stop(None)


@pytest.fixture
def dead():
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def test_a_dead_port_is_unavailable_at_once_and_named(dead):
    async with Endpoint(f"127.0.0.1:{dead}", "llm") as endpoint:
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await generate(endpoint, timeout_s=300)
    assert time.monotonic() - started < 5
    assert caught.value.field == f"127.0.0.1:{dead}"
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(caught.value)


async def test_a_name_that_no_one_knows_is_unavailable():
    async with Endpoint("nowhere.invalid:9000", "llm") as endpoint:
        with pytest.raises(Unavailable, match=r"nowhere\.invalid:9000"):
            await generate(endpoint)


async def test_a_server_that_is_back_is_found_again_within_a_second(dead):
    async with Endpoint(f"127.0.0.1:{dead}", "llm", num_channels=1) as endpoint:

        async def answers():
            try:
                return await generate(endpoint, "back")
            except Unavailable:
                return ""

        until = time.monotonic() + 6 * RECONNECT_MS / 1000
        while time.monotonic() < until:  # gRPC's own second and third waits would end after 1 and 2.6 s
            assert await answers() == ""
            await asyncio.sleep(0.05)
        running, _ = await server.start(FunctionServicer(echo), port=dead)
        started = time.monotonic()
        while await answers() != "back":
            await asyncio.sleep(0.02)
        assert time.monotonic() - started < 1.5 * RECONNECT_MS / 1000 + 0.25
        await running.stop(None)


async def test_a_call_that_takes_too_long_is_over_at_its_deadline():
    async def stall(request):
        await asyncio.Event().wait()

    running, port = await server.start(FunctionServicer(stall))
    async with Endpoint(f"127.0.0.1:{port}", "llm") as endpoint:
        with pytest.raises(DeadlineExceeded, match=str(port)):
            await generate(endpoint, timeout_s=0.1)
    await running.stop(None)


async def test_another_service_at_the_address_is_not_found(port):
    stub, answer = captioner_pb2_grpc.CaptionerServiceStub, captioner_pb2.CaptionResponse
    async with Endpoint(f"127.0.0.1:{port}", "captioner") as endpoint:
        with pytest.raises(NotFound, match=str(port)):
            await endpoint.call(stub, "Caption", captioner_pb2.CaptionRequest(), answer, 5.0)


async def test_a_message_over_the_limit_is_invalid_not_overload(port):
    async with Endpoint(f"127.0.0.1:{port}", "llm") as endpoint:
        with pytest.raises(InvalidInput, match="send at most 64 MiB in one message"):
            await generate(endpoint, "x" * MAX_MESSAGE_BYTES)
        assert await generate(endpoint, "still here") == "still here"


async def test_a_message_of_more_than_grpcs_own_four_mib_goes_both_ways(port):
    async with Endpoint(f"127.0.0.1:{port}", "llm", num_channels=1) as endpoint:
        assert len(await generate(endpoint, "x" * (MAX_MESSAGE_BYTES // 4))) == MAX_MESSAGE_BYTES // 4


async def test_calls_go_over_the_channels_in_turn_each_its_own_connection():
    peers = []

    class Peers(FunctionServicer):
        async def Generate(self, request, context):
            peers.append((context.peer(), dict(context.invocation_metadata())["application"]))
            return said("")

    running, port = await server.start(Peers(echo))
    async with Endpoint(f"127.0.0.1:{port}", "my-llm", num_channels=3) as endpoint:
        for _ in range(6):
            await generate(endpoint)
    await running.stop(None)
    assert len(set(peers[:3])) == 3
    assert peers[3:] == peers[:3]
    assert {application for _, application in peers} == {"my-llm"}


async def test_a_stub_is_made_once_for_each_channel(port):
    made = []

    def stub(channel):
        made.append(channel)
        return llm_pb2_grpc.LlmServiceStub(channel)

    request = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content="Hello.")])
    async with Endpoint(f"127.0.0.1:{port}", "llm", num_channels=3) as endpoint:
        for _ in range(10):
            await endpoint.call(stub, "Generate", request, llm_pb2.GenerateResponse, 5.0)
    assert len(made) == len(set(made)) == 3


@pytest.mark.parametrize(
    ("code", "cls"),
    [(grpc.StatusCode.UNAUTHENTICATED, Unauthenticated), (grpc.StatusCode.PERMISSION_DENIED, PermissionDenied)],
)
async def test_a_refusal_of_another_origin_is_named_and_not_tried_again(code, cls):
    class Guarded(FunctionServicer):
        async def Generate(self, request, context):
            await context.abort(code, "who are you?")

    running, port = await server.start(Guarded(echo))
    async with Endpoint(f"127.0.0.1:{port}", "llm") as endpoint:
        with pytest.raises(cls, match=rf"127\.0\.0\.1:{port}: who are you\? \(check the token") as caught:
            await generate(endpoint)
    await running.stop(None)
    assert not is_retriable(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ],
)
async def test_what_a_proxy_says_of_a_replica_that_died_or_is_full_is_worth_another_try(code):
    class Proxied(FunctionServicer):
        async def Generate(self, request, context):
            await context.abort(code, "the actor died")

    running, port = await server.start(Proxied(echo))
    async with Endpoint(f"127.0.0.1:{port}", "llm") as endpoint:
        with pytest.raises(EarwitnessError, match="the actor died") as caught:
            await generate(endpoint)
    await running.stop(None)
    assert is_retriable(caught.value)


async def test_a_call_on_a_closed_endpoint_is_refused_even_while_it_closes(port):
    async with Endpoint(f"127.0.0.1:{port}", "llm") as endpoint:
        late = [asyncio.create_task(generate(endpoint)) for _ in range(9)]
    late.append(asyncio.create_task(generate(endpoint)))
    errors = await asyncio.gather(*late, return_exceptions=True)
    assert [type(error) for error in errors] == [NotReady] * 10
