import asyncio
import contextlib
import json
import logging
import socket
import threading
import time
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from earwitness import calls, server
from earwitness.access import Access
from earwitness.channel import error_of
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound, PermissionDenied, QuotaExceeded, Unauthenticated
from earwitness.fanout import is_retriable
from earwitness.gate import CALLERS, Gate
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2, model_pb2_grpc
from tests.serving import FunctionServicer, channel, said

TURNS = [Turn(role="user", content="Hello")]
TOKEN = "person-0123456789abcdef"
SERVICE = "earwitness.v1.LlmService"
GENERATE = llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content="Hello")])


async def greet(request):
    return said(f"Hello, {calls.current().caller}, {calls.current().priority}.")


@pytest.fixture
def callers(tmp_path, monkeypatch):
    """Writes the callers file that the servers of this test obey."""
    file = tmp_path / "callers.yaml"

    def write(*rows, **settings):
        rows = rows or ({},)
        named = [
            {"name": f"person{index}", "token": TOKEN + str(index) * bool(index)} | row
            for index, row in enumerate(rows)
        ]
        file.write_text(json.dumps({"callers": named} | settings))
        monkeypatch.setenv(CALLERS, str(file))
        return file

    write()
    return write


@asynccontextmanager
async def serving(answer=greet, **options):
    running, port = await server.start(FunctionServicer(answer), **options)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await running.stop(None)


async def ask(address, token=TOKEN):
    client = LlmClient.at(address, num_channels=1, timeout_s=10, access=Access(token=token))
    try:
        return (await client.generate(TURNS)).text
    finally:
        await client.close()


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value, "")


def every_rpc(bare, metadata):
    """Calls each RPC that the server has."""
    llm, model, health = (
        llm_pb2_grpc.LlmServiceStub(bare),
        model_pb2_grpc.ModelServiceStub(bare),
        health_pb2_grpc.HealthStub(bare),
    )
    reflect = reflection_pb2_grpc.ServerReflectionStub(bare).ServerReflectionInfo
    listing = unhurried(reflection_pb2.ServerReflectionRequest(list_services=""))
    return {
        "Generate": llm.Generate(GENERATE, metadata=metadata),
        "GenerateBatch": llm.GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[GENERATE]), metadata=metadata),
        "GenerateStream": llm.GenerateStream(llm_pb2.GenerateStreamRequest(), metadata=metadata),
        "ScoreChoices": llm.ScoreChoices(llm_pb2.ScoreChoicesRequest(), metadata=metadata),
        "ScoreChoicesBatch": llm.ScoreChoicesBatch(llm_pb2.ScoreChoicesBatchRequest(), metadata=metadata),
        "GetModelInfo": model.GetModelInfo(model_pb2.GetModelInfoRequest(), metadata=metadata),
        "ServerReflectionInfo": reflect(listing, metadata=metadata),
        "Check": health.Check(health_pb2.HealthCheckRequest(), metadata=metadata),
        "List": health.List(health_pb2.HealthListRequest(), metadata=metadata),
        "Watch": health.Watch(health_pb2.HealthCheckRequest(), metadata=metadata),
        "unknown": bare.unary_unary("/earwitness.v1.LlmService/Unknown")(b"", metadata=metadata),
    }  # fmt: skip


async def unhurried(request):
    """A stream of one request: a client that writes while it is refused may say INTERNAL instead of the refusal."""
    await asyncio.sleep(0.1)
    yield request


async def code(call):
    """Returns the status of a call; that of a stream comes after what it says."""
    if isinstance(call, grpc.aio.StreamStreamCall):
        with contextlib.suppress(grpc.aio.AioRpcError):
            [_ async for _ in call]
    return await call.code()


BAD = {
    "none": [],
    "empty": [("authorization", "")],
    "no scheme": [("authorization", TOKEN)],
    "wrong scheme": [("authorization", f"Basic {TOKEN}")],
    "wrong token": [("authorization", f"Bearer {TOKEN[:-1]}")],
    "two words": [("authorization", f"Bearer {TOKEN} {TOKEN}")],
    "twice": [("authorization", f"Bearer {TOKEN}")] * 2,
    "right and wrong": [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x")],
    "binary": [("authorization-bin", f"Bearer {TOKEN}".encode())],
    "bytes beside": [("token-bin", b"\x00\xff")],
    "long": [("authorization", "Bearer " + "x" * 6000)],
    "only the scheme": [("authorization", "Bearer ")],
    "another header": [("proxy-authorization", f"Bearer {TOKEN}")],
}


@pytest.mark.parametrize("metadata", BAD.values(), ids=BAD)
async def test_without_one_right_token_every_rpc_is_refused(callers, metadata):
    async with serving() as address, channel(address) as bare:
        rpcs = every_rpc(bare, metadata)
        codes = {name: await code(call) for name, call in rpcs.items()}
    assert codes == dict.fromkeys(rpcs, grpc.StatusCode.UNAUTHENTICATED)


async def test_a_header_beyond_grpcs_own_limit_does_not_end_the_server(callers):
    async with serving() as address, channel(address) as bare:
        call = llm_pb2_grpc.LlmServiceStub(bare).Generate(GENERATE, metadata=[("authorization", "x" * 1_000_000)])
        assert await call.code() is not grpc.StatusCode.OK
        assert await ask(address) == "Hello, person0, interactive."


async def test_the_right_token_opens_every_rpc(callers):
    async with serving() as address, channel(address) as bare:
        rpcs = every_rpc(bare, [("authorization", f"bEaReR  {TOKEN}")])
        watch, stream, unknown = rpcs.pop("Watch"), rpcs.pop("GenerateStream"), rpcs.pop("unknown")
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        assert (await stream.read()).delta == "Hello, person0, interactive."
        watch.cancel(), stream.cancel()
        assert {await code(call) for call in rpcs.values()} == {grpc.StatusCode.OK}
        assert await unknown.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_refusal_repeats_nothing_of_the_token_and_is_not_tried_again(callers, caplog):
    with caplog.at_level(logging.DEBUG):
        async with serving() as address:
            with pytest.raises(Unauthenticated) as caught:
                await ask(address, "stolen-0123456789abcdef")
    assert "stolen" not in str(caught.value) + caplog.text
    assert caught.value.field == "authorization"
    assert not is_retriable(caught.value)


async def test_a_caller_without_the_right_is_denied_but_may_ask_for_health(callers):
    callers({"rights": ["captioner", "reflection"]})
    async with serving() as address, channel(address) as bare:
        rpcs = every_rpc(bare, [("authorization", f"Bearer {TOKEN}")])
        rpcs.pop("Watch").cancel()
        codes = {name: await code(call) for name, call in rpcs.items()}
        with pytest.raises(PermissionDenied, match="person0 may not call llm") as caught:
            await ask(address)
    allowed = {name for name, code in codes.items() if code is grpc.StatusCode.OK}
    assert allowed == {"Check", "List", "ServerReflectionInfo"}
    assert {codes[name] for name in codes.keys() - allowed} == {grpc.StatusCode.PERMISSION_DENIED}
    assert not is_retriable(caught.value)


async def test_reflection_is_a_right_and_can_be_off(callers):
    callers({"rights": ["llm"]})
    metadata, request = [("authorization", f"Bearer {TOKEN}")], reflection_pb2.ServerReflectionRequest()
    async with serving() as address, channel(address) as bare:
        call = reflection_pb2_grpc.ServerReflectionStub(bare).ServerReflectionInfo(
            unhurried(request), metadata=metadata
        )
        assert await call.code() is grpc.StatusCode.PERMISSION_DENIED
    callers()
    async with serving(reflection=False) as address, channel(address) as bare:
        call = reflection_pb2_grpc.ServerReflectionStub(bare).ServerReflectionInfo(
            unhurried(request), metadata=metadata
        )
        assert await call.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_health_may_be_open_and_nothing_else_is_then(callers):
    callers(open_health=True)
    async with serving() as address, channel(address) as bare:
        rpcs = every_rpc(bare, [])
        assert (await rpcs.pop("Watch").read()).status == health_pb2.HealthCheckResponse.SERVING
        codes = {name: await code(call) for name, call in rpcs.items()}
    assert {name for name, code in codes.items() if code is grpc.StatusCode.OK} == {"Check", "List"}
    assert {code for name, code in codes.items() if name not in ("Check", "List")} == {grpc.StatusCode.UNAUTHENTICATED}


async def test_a_call_knows_its_caller_and_priority_in_every_task_that_it_starts(callers):
    callers({}, {"name": "night", "priority": "sweep"})

    async def deep(request):
        return await asyncio.create_task(greet(request))

    async with serving(deep) as address:
        answers = await asyncio.gather(*[ask(address, token) for token in (TOKEN, TOKEN + "1") * 5])
    assert answers == ["Hello, person0, interactive.", "Hello, night, sweep."] * 5
    assert calls.current().caller == "anonymous"


async def test_each_item_of_a_batch_counts_against_the_quota(callers):
    callers({"requests_per_minute": 4})
    metadata = [("authorization", f"Bearer {TOKEN}")]
    async with serving() as address, channel(address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        await stub.GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[GENERATE] * 3), metadata=metadata)
        two = stub.GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[GENERATE] * 2), metadata=metadata)
        error = await refusal(two)
        assert isinstance(error, QuotaExceeded)
        assert 0 < error.retry_after_s <= 15
        await stub.Generate(GENERATE, metadata=metadata)
        for _ in range(9):  # what costs nothing is not counted
            await model_pb2_grpc.ModelServiceStub(bare).GetModelInfo(model_pb2.GetModelInfoRequest(), metadata=metadata)


async def test_a_callers_requests_at_once_are_its_own_and_freed_when_it_leaves(callers):
    callers({"max_in_flight": 2}, {"max_in_flight": 2})
    go = asyncio.Event()

    async def wait(request):
        await go.wait()
        return said("done")

    async with serving(wait) as address:
        waiting = [asyncio.create_task(ask(address)) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(QuotaExceeded):
            await ask(address)
        waiting.append(asyncio.create_task(ask(address, TOKEN + "1")))
        waiting[0].cancel()
        await asyncio.sleep(0.1)
        waiting.append(asyncio.create_task(ask(address)))
        await asyncio.sleep(0.1)
        go.set()
        assert await asyncio.gather(*waiting[1:]) == ["done"] * 3


async def test_a_token_that_is_taken_out_of_the_file_opens_nothing_a_second_later(callers, monkeypatch):
    monkeypatch.setattr("earwitness.gate.LOOK_EVERY_S", 0.0)
    servicer = FunctionServicer(greet)
    servicer.gate = Gate(SERVICE, callers(), look_every_s=0)
    running, port = await server.start(servicer)
    address = f"127.0.0.1:{port}"
    assert await ask(address) == "Hello, person0, interactive."
    callers({"token": TOKEN + "-new", "priority": "sweep"})
    with pytest.raises(Unauthenticated):
        await ask(address)
    assert await ask(address, TOKEN + "-new") == "Hello, person0, sweep."
    callers().write_text("callers: nonsense")
    assert await ask(address, TOKEN + "-new") == "Hello, person0, sweep."
    await running.stop(None)


async def test_who_has_no_token_cannot_make_the_server_read_a_large_message(callers):
    parsed = []

    class Noting(FunctionServicer):
        async def Generate(self, request, grpc_context):
            parsed.append(request)
            return await super().Generate(request, grpc_context)

    running, port = await server.start(Noting(greet))
    async with channel(f"127.0.0.1:{port}") as bare:
        generate = bare.unary_unary("/earwitness.v1.LlmService/Generate")
        call = generate(bytes(60 << 20))
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
    await running.stop(None)
    assert parsed == []


def test_a_server_whose_callers_file_cannot_be_used_does_not_start_open(callers):
    file = callers()
    file.write_text("callers: []")
    with pytest.raises(InvalidInput):
        FunctionServicer(greet)
    file.unlink()
    with pytest.raises(NotFound):
        FunctionServicer(greet)


def test_without_a_callers_file_everybody_is_let_in():
    gate = Gate(SERVICE)
    assert gate.is_open
    with gate.enter("Generate", ["nonsense"]):
        assert calls.current().caller == "anonymous"


def test_a_call_whose_deadline_passed_while_the_server_was_busy_is_not_begun():
    """The server's loop stands still for longer than the second call has."""
    begun, ports, stopped = [], [], threading.Event()

    async def block(request):
        begun.append(request.messages[0].content)
        if begun == ["first"]:
            time.sleep(1.0)
        return said("done")

    async def serve():
        running, port = await server.start(FunctionServicer(block))
        ports.append(port)
        while not stopped.is_set():
            await asyncio.sleep(0.01)
        await running.stop(None)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    while not ports:
        time.sleep(0.01)
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as opened:
        stub = llm_pb2_grpc.LlmServiceStub(opened)

        def ask(content, timeout):
            message = llm_pb2.ChatMessage(role="user", content=content)
            return stub.Generate.future(llm_pb2.GenerateRequest(messages=[message]), timeout=timeout)

        first = ask("first", 10)
        time.sleep(0.2)
        late = [ask(f"late {index}", 0.3) for index in range(20)]
        assert first.result().generation.text == "done"
        assert {call.code() for call in late} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        assert ask("last", 10).result().generation.text == "done"
    stopped.set()
    thread.join()
    assert begun == ["first", "last"]


async def test_raw_bytes_on_the_port_do_not_end_the_server(callers):
    async with serving() as address:
        host, _, port = address.rpartition(":")
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            bytes(range(256)) * 64,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99,
        ):
            with socket.create_connection((host, int(port))) as opened:
                opened.sendall(data)
        assert await ask(address) == "Hello, person0, interactive."
