import asyncio
import logging

import grpc
import pytest

from earwitness import edge
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError, EngineFailure, InvalidInput, Overloaded
from earwitness.v1 import llm_pb2, llm_pb2_grpc
from tests.earwitness.test_errors import CLASSES
from tests.serving import FunctionServicer, channel, said, serving

TURNS = [Turn(role="user", content="Hello")]


def raising(error):
    async def answer(request):
        raise error

    return answer


async def stalled(started, ended):
    """Waits for ever; says when it began, and that it was cancelled."""
    started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        ended.set()
        raise


@pytest.mark.parametrize("cls", CLASSES)
async def test_every_error_survives_the_wire_unchanged(cls):
    extra = (2.5,) if issubclass(cls, Overloaded) else ()
    error = cls("messages: ist spät – 遅い", "messages[0].content", "beeile dich", *extra)
    async with serving(FunctionServicer(raising(error)), LlmClient) as client:
        with pytest.raises(cls) as caught:
            await client.generate(TURNS)
    assert type(caught.value) is cls
    assert vars(caught.value) == vars(error)


async def test_an_unexpected_exception_tells_the_caller_nothing_and_the_log_everything(caplog):
    servicer = FunctionServicer(raising(RuntimeError("password=hunter2")))
    with caplog.at_level(logging.ERROR):
        async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
            with pytest.raises(EngineFailure) as caught:
                await client.generate(TURNS)
            with pytest.raises(grpc.aio.AioRpcError) as plain:
                await llm_pb2_grpc.LlmServiceStub(bare).Generate(llm_pb2.GenerateRequest())
    assert plain.value.code() is grpc.StatusCode.INTERNAL
    seen = str(plain.value.details()) + str(plain.value.trailing_metadata()) + str(caught.value)
    assert not any(secret in seen for secret in ("hunter2", "RuntimeError", "Traceback", "test_edge"))
    request_id = caught.value.remedy.split()[-1]
    assert request_id in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("text", ["x" * 1_000_000, "遅" * 100_000, "\n\0" * 10_000], ids=["long", "wide", "odd"])
async def test_an_error_of_any_length_arrives_with_its_class(text):
    async with serving(FunctionServicer(raising(InvalidInput(text, text, text))), LlmClient) as client:
        with pytest.raises(InvalidInput) as caught:
            await client.generate(TURNS)
    assert caught.value.message[:20] == text[:20]


async def test_an_error_ends_a_stream_with_its_status_after_what_came_before():
    pieces = iter(["one", "two"])

    async def answer(request):
        try:
            return said(next(pieces))
        except StopIteration:
            raise InvalidInput("has ended", "stream") from None

    received = []
    async with serving(FunctionServicer(answer), LlmClient) as client, channel(client.endpoint.address) as bare:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for piece in llm_pb2_grpc.LlmServiceStub(bare).GenerateStream(llm_pb2.GenerateStreamRequest()):
                received.append(piece.delta)
    assert received == ["one", "two"]
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "stream: has ended"


async def test_a_cancelled_call_cancels_the_work():
    started, ended = asyncio.Event(), asyncio.Event()
    servicer = FunctionServicer(lambda request: stalled(started, ended))
    async with serving(servicer, LlmClient) as client:
        call = asyncio.create_task(client.generate(TURNS))
        await started.wait()
        assert servicer.admission.in_flight == 1
        call.cancel()
        await asyncio.wait_for(ended.wait(), 5)
        await asyncio.sleep(0)
        assert servicer.admission.in_flight == 0
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_caller_who_leaves_a_stream_frees_its_place_at_once():
    async def answer(request):
        await asyncio.sleep(0)
        return said("x" * 1000)

    servicer = FunctionServicer(answer)
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).GenerateStream(llm_pb2.GenerateStreamRequest())
        await call.read()
        assert servicer.admission.in_flight == 1
        call.cancel()
        async with asyncio.timeout(5):
            while servicer.admission.in_flight:
                await asyncio.sleep(0.01)


def test_a_known_error_is_itself_and_another_is_logged(caplog):
    known = EarwitnessError("known")
    assert edge.as_known(known) is known
    assert not caplog.records
    assert isinstance(edge.as_known(KeyError("secret")), EngineFailure)
    assert "secret" in caplog.text


def test_only_a_generator_of_responses_is_guarded_as_a_stream():
    with pytest.raises(AssertionError):

        @edge.server_stream
        async def method(self, request: int, grpc_context: edge.Context) -> list[int]:
            return []


async def test_work_is_not_begun_for_a_caller_who_has_given_up_waiting():
    class Late:
        """A context whose deadline has passed."""

        code = None

        def time_remaining(self):
            return -0.001

        def set_code(self, code):
            self.code = code

        def set_details(self, details):
            assert "deadline: had passed" in details

        def invocation_metadata(self):
            return ()

        def trailing_metadata(self):
            return ()

        def set_trailing_metadata(self, metadata):
            pass

    context, asked = Late(), []

    async def note(request):
        asked.append(request)
        return said("")

    await FunctionServicer(note).Generate(llm_pb2.GenerateRequest(), context)
    assert context.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not asked


@pytest.mark.parametrize(("rpc", "kind"), [("Generate", "unary_unary"), ("GenerateStream", "unary_stream")])
async def test_bytes_that_are_no_message_are_invalid_and_not_worth_another_try(rpc, kind):
    servicer = FunctionServicer(raising(AssertionError()))
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        call = getattr(bare, kind)(f"/earwitness.v1.LlmService/{rpc}")(b"\xff\xff\xff")
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "release's proto" in await call.details()


@pytest.mark.parametrize("rpc", ["Generate", "GenerateStream"])
@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError("secret"), BaseExceptionGroup("secret", [asyncio.CancelledError()])],
    ids=["one", "group"],
)
async def test_a_cancellation_from_within_is_a_failure_and_not_silence(error, rpc):
    async with serving(FunctionServicer(raising(error)), LlmClient) as client, channel(client.endpoint.address) as bare:
        request = getattr(llm_pb2, f"{rpc}Request")()
        call = getattr(llm_pb2_grpc.LlmServiceStub(bare), rpc)(request, timeout=5)
        assert await call.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in await call.details()
