"""A model server of known speed: it answers every question alike after a fixed delay, over HTTP and over gRPC.

    python -m tools.bench.mock [--delay-s 0.1] [--places 16] [--model NAME]

It prints the ports that it listens on, as one JSON line, and serves until it is ended. HTTP has
`/v1/chat/completions` and `/v1/models` of OpenAI's API; gRPC has the captioner, the language model, the audio language
model, model information and health of `earwitness.v1`. A batch RPC takes the delay once, as a batch on an accelerator
would, unless gRPC is given places: then it works on so many questions at a time, and each keeps a place for the delay.
`/stats` says what was asked and what that cost the server.

Questions are not read beyond their number: it is the asking that is measured, so the server does as little as it can.
"""

import argparse
import asyncio
import hashlib
import heapq
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, cast

import grpc
import grpc.aio
import uvloop
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from earwitness.channel import MAX_MESSAGE_BYTES
from earwitness.v1 import captioner_pb2, lalm_pb2, llm_pb2, model_pb2

MODEL = "bench-mock"
ANSWER = "(B) thunder"
CAPTION = "A long roll of thunder, low and far away, over steady rain."
DELAY_S = 0.1
MAX_BODY_BYTES = 1 << 20
PROMPT_TOKENS, COMPLETION_TOKENS = 48, 4

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_COMPLETION = {
    "id": "chatcmpl-0",
    "object": "chat.completion",
    "created": 0,
    "model": MODEL,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    },
}
_MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "tools.bench"}]}
_GENERATION = model_pb2.Generation(
    text=ANSWER,
    finish_reason=model_pb2.FINISH_REASON_STOP,
    prompt_tokens=PROMPT_TOKENS,
    completion_tokens=COMPLETION_TOKENS,
)


@dataclass(kw_only=True, slots=True)
class Stats:
    """What the server has seen since it started."""

    asked: int = 0
    """Questions, each of a batch counted."""
    calls: int = 0
    """Requests that carried them."""
    in_flight: int = 0
    peak_in_flight: int = 0
    """The most questions that waited for their answer at one time."""
    asking_s: float = 0.0
    """From the first question to the last answer."""
    cpu_s: float = 0.0
    """CPU seconds of the server's process until `encoded` was called."""
    _first: float = 0.0

    def begin(self, num_questions: int) -> None:
        """Counts the questions of one request."""
        self._first = self._first or time.perf_counter()
        self.calls += 1
        self.asked += num_questions
        self.in_flight += num_questions
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def end(self, num_questions: int) -> None:
        """Counts them as answered."""
        self.in_flight -= num_questions
        self.asking_s = time.perf_counter() - self._first

    def encoded(self) -> bytes:
        """Returns the public fields as a JSON object."""
        self.cpu_s = time.process_time()
        return json.dumps({key: value for key, value in asdict(self).items() if not key.startswith("_")}).encode()


def http_response(status: str, body: bytes) -> bytes:
    """Returns a whole HTTP/1.1 response with a JSON body."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Places:
    """Places at which questions are worked on, each for the same time."""

    def __init__(self, num_places: int, delay_s: float) -> None:
        """0 places are any number."""
        self._delay_s = delay_s
        self._free_at = [0.0] * num_places

    async def work(self, num_questions: int) -> None:
        """Returns when the last of the questions is done: each takes the place that is free first."""
        ends = now = time.perf_counter()
        for _ in range(num_questions if self._free_at else 0):
            ends = max(now, heapq.heappop(self._free_at)) + self._delay_s
            heapq.heappush(self._free_at, ends)
        await asyncio.sleep(ends - now if self._free_at else self._delay_s)


class HttpMock(asyncio.Protocol):
    """One connection. Requests on it come one after the other; bodies are counted and let go."""

    completion = http_response("200 OK", json.dumps(_COMPLETION).encode())
    models = http_response("200 OK", json.dumps(_MODELS).encode())
    unknown = http_response("404 Not Found", b'{"error": {"message": "no such path"}}')
    too_large = http_response("413 Content Too Large", b'{"error": {"message": "the body is over 1 MiB"}}')

    def __init__(self, stats: Stats, delay_s: float) -> None:
        self._stats = stats
        self._delay_s = delay_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._missing = 0
        """Bytes of the body that are still to come."""
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._missing:
            self._missing -= len(data)
            if self._missing <= 0:
                self._missing = 0
                self._serve()
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        head, body_bytes, self._head = self._head[:end], len(self._head) - end - 4, b""
        length = _LENGTH.search(head)
        num_bytes = int(length[1]) if length else 0
        self._path = head.split(b" ", 2)[1]
        if num_bytes > MAX_BODY_BYTES:
            self._write(self.too_large)
            assert self._transport is not None
            self._transport.close()
            return
        self._missing = max(num_bytes - body_bytes, 0)
        if not self._missing:
            self._serve()

    def _serve(self) -> None:
        if self._path == b"/v1/chat/completions":
            self._stats.begin(1)
            self._loop.call_later(self._delay_s, self._complete)
        elif self._path == b"/v1/models":
            self._write(self.models)
        elif self._path == b"/stats":
            self._write(http_response("200 OK", self._stats.encoded()))
        else:
            self._write(self.unknown)

    def _complete(self) -> None:
        self._stats.end(1)
        self._write(self.completion)

    def _write(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


Raw = Callable[[bytes, object], Awaitable[bytes]]
"""A unary method that takes and gives serialised messages."""
Methods = dict[str, Raw]


def grpc_methods(stats: Stats, places: Places, model: str) -> dict[str, Methods]:
    """Returns the methods by service and name."""

    def answering(name: str, answer: Message, batch: type[Any], batch_answer: type[Any], result: type[Any]) -> Methods:
        """Returns a method that answers alike, and its twin for batches."""
        one = answer.SerializeToString()

        @cache
        def many(size: int) -> bytes:
            return batch_answer(results=[result(response=answer)] * size).SerializeToString()

        async def method(request: bytes, context: object) -> bytes:
            return await worked(1, lambda _: one)

        async def twin(request: bytes, context: object) -> bytes:
            return await worked(len(batch.FromString(request).requests), many)

        return {name: method, f"{name}Batch": twin}

    async def worked(size: int, answer: Callable[[int], bytes]) -> bytes:
        stats.begin(size)
        await places.work(size)
        stats.end(size)
        return answer(size)

    def fixed(response: Message) -> Raw:
        async def method(request: bytes, context: object) -> bytes:
            return response.SerializeToString()

        return method

    captioned = captioner_pb2.CaptionResponse(caption=CAPTION)
    generated = llm_pb2.GenerateResponse(generation=_GENERATION)
    heard = lalm_pb2.ListenResponse(generation=_GENERATION, clips=[lalm_pb2.HeardClip()])
    serving = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
    captions = (captioner_pb2.CaptionBatchRequest, captioner_pb2.CaptionBatchResponse, captioner_pb2.CaptionResult)
    texts = (llm_pb2.GenerateBatchRequest, llm_pb2.GenerateBatchResponse, llm_pb2.GenerateResult)
    sounds = (lalm_pb2.ListenBatchRequest, lalm_pb2.ListenBatchResponse, lalm_pb2.ListenResult)
    return {
        "earwitness.v1.CaptionerService": answering("Caption", captioned, *captions),
        "earwitness.v1.LlmService": answering("Generate", generated, *texts),
        "earwitness.v1.LalmService": answering("Listen", heard, *sounds),
        "earwitness.v1.ModelService": {"GetModelInfo": fixed(_model_info(model))},
        "grpc.health.v1.Health": {"Check": fixed(serving)},
    }


async def serve(
    stats: Stats, delay_s: float, num_places: int = 0, model: str = MODEL
) -> tuple[asyncio.Server, grpc.aio.Server, dict[str, int]]:
    """Starts both servers on free ports of the loopback; returns them and their ports, `http` and `grpc`."""
    loop = asyncio.get_running_loop()
    http = await loop.create_server(lambda: HttpMock(stats, delay_s), "127.0.0.1", 0, backlog=1024)
    options = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.aio.server(options=options)
    for service, methods in grpc_methods(stats, Places(num_places, delay_s), model).items():
        handlers = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    ports = {"http": http.sockets[0].getsockname()[1], "grpc": server.add_insecure_port("127.0.0.1:0")}
    await server.start()
    return http, server, ports


async def run(delay_s: float, num_places: int, model: str) -> None:
    """Serves until the process is ended."""
    _, server, ports = await serve(Stats(), delay_s, num_places, model)
    print(json.dumps(ports), flush=True)
    await server.wait_for_termination()


def _model_info(model: str) -> model_pb2.GetModelInfoResponse:
    fingerprint = hashlib.sha256(model.encode()).hexdigest()
    return model_pb2.GetModelInfoResponse(
        model=model,
        fingerprint=fingerprint,
        engine="mock",
        dtype="none",
        version="0",
        weights_fingerprint=fingerprint,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-s", type=float, default=DELAY_S)
    parser.add_argument("--places", type=int, default=0, help="questions that gRPC works on at a time (default: any)")
    parser.add_argument("--model", default=MODEL, help="that it says it is, over gRPC (default: %(default)s)")
    options = parser.parse_args()
    uvloop.run(run(options.delay_s, options.places, options.model))
