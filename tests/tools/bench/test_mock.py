import asyncio
import json
import time
from collections.abc import AsyncIterator

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from earwitness.v1 import lalm_pb2, lalm_pb2_grpc, llm_pb2, llm_pb2_grpc, model_pb2, model_pb2_grpc
from tools.bench import mock

DELAY_S = 0.05
Served = tuple[mock.Stats, int, grpc.aio.Channel]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """The mock's counts, its HTTP port, and a channel to it."""
    stats = mock.Stats()
    http, server, ports = await mock.serve(stats, DELAY_S)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ports['grpc']}") as channel:
        yield stats, ports["http"], channel
    http.close()
    await server.stop(None)


async def talk(port: int, *pieces: bytes) -> tuple[int, dict[str, object]]:
    """Sends a request in pieces; returns the reply's status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), json.loads(body)


def post(body: bytes) -> bytes:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def test_http_answers_after_the_delay_and_counts(served: Served) -> None:
    stats, port, _ = served
    started = time.perf_counter()
    status, reply = await talk(port, post(b'{"messages": []}'))
    assert time.perf_counter() - started >= DELAY_S
    assert status == 200
    assert reply["choices"][0]["message"]["content"] == mock.ANSWER
    assert (stats.asked, stats.calls, stats.in_flight, stats.peak_in_flight) == (1, 1, 0, 1)
    assert stats.asking_s >= DELAY_S * 0.9


async def test_http_waits_for_a_body_that_comes_in_pieces(served: Served) -> None:
    request = post(b"x" * 300_000)
    assert (await talk(served[1], request[:20], request[20:100], request[100:200_000], request[200_000:]))[0] == 200
    assert served[0].asked == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /v1/models HTTP/1.1\r\n\r\n", 200),
        (b"GET /v2 HTTP/1.1\r\n\r\n", 404),
        (post(b"x" * (mock.MAX_BODY_BYTES + 1))[:1000], 413),
    ],
)
async def test_http_answers_what_is_no_question_at_once(served: Served, request_bytes: bytes, status: int) -> None:
    assert (await talk(served[1], request_bytes))[0] == status
    assert served[0].asked == 0


async def test_grpc_answers_one_and_a_batch_which_takes_the_delay_once(served: Served) -> None:
    stats, _, channel = served
    llm, lalm = llm_pb2_grpc.LlmServiceStub(channel), lalm_pb2_grpc.LalmServiceStub(channel)
    assert (await llm.Generate(llm_pb2.GenerateRequest())).generation.text == mock.ANSWER
    assert (await lalm.Listen(lalm_pb2.ListenRequest())).generation.text == mock.ANSWER
    started = time.perf_counter()
    generated = await llm.GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[llm_pb2.GenerateRequest()] * 30))
    assert DELAY_S <= time.perf_counter() - started < 30 * DELAY_S
    heard = await lalm.ListenBatch(lalm_pb2.ListenBatchRequest(requests=[lalm_pb2.ListenRequest()] * 2))
    assert [result.response.generation.text for result in generated.results] == [mock.ANSWER] * 30
    assert [result.response.generation.text for result in heard.results] == [mock.ANSWER] * 2
    assert (stats.asked, stats.calls, stats.peak_in_flight) == (34, 4, 30)


async def test_grpc_says_which_model_answers_and_that_it_does(served: Served) -> None:
    info = await model_pb2_grpc.ModelServiceStub(served[2]).GetModelInfo(model_pb2.GetModelInfoRequest())
    health = await health_pb2_grpc.HealthStub(served[2]).Check(health_pb2.HealthCheckRequest())
    assert (info.model, len(info.fingerprint)) == (mock.MODEL, 64)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_questions_beyond_the_places_wait_for_one() -> None:
    places = mock.Places(2, DELAY_S)
    started = time.perf_counter()
    await asyncio.gather(places.work(1), places.work(3))
    assert 2 * DELAY_S <= time.perf_counter() - started < 3 * DELAY_S
