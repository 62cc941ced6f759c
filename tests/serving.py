"""Servicers on a plain gRPC server in this process, their real clients, and small engines that know what they hear."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, TypeVar

import grpc.aio
from google.rpc import status_pb2

from earwitness import batch, edge, server
from earwitness.admission import Admission
from earwitness.audio import Clip
from earwitness.channel import MAX_MESSAGE_BYTES
from earwitness.clients import ModelClient
from earwitness.desta.splice import MARK, Message
from earwitness.identity import Identity
from earwitness.sampling import Generation, Sampling
from earwitness.servicer import ModelServicer
from earwitness.v1 import llm_pb2, model_pb2
from services.captioner.engine import Caption
from services.lalm.engine import ClipIn

Client = TypeVar("Client", bound=ModelClient)
Answer = Callable[[llm_pb2.GenerateRequest], Awaitable[llm_pb2.GenerateResponse]]


@asynccontextmanager
async def serving(servicer: ModelServicer, client: type[Client], **options) -> AsyncIterator[Client]:
    """Serves on a free port for as long as the block lasts, and yields a client of it."""
    running, port = await server.start(servicer)
    caller = client.at(f"127.0.0.1:{port}", **options)
    try:
        yield caller
    finally:
        await caller.close()
        await running.stop(None)


@asynccontextmanager
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A bare channel, for what no client of ours would send."""
    options = [("grpc.max_send_message_length", MAX_MESSAGE_BYTES)]
    async with grpc.aio.insecure_channel(address, options) as opened:
        yield opened


def identity(name: str) -> Identity:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Identity(model=name, fingerprint=digest, engine=f"{name} 1", dtype="", context_tokens=0, weights=digest)


def said(text: str) -> llm_pb2.GenerateResponse:
    return llm_pb2.GenerateResponse(generation=model_pb2.Generation(text=text))


class FunctionServicer(ModelServicer):
    """earwitness.v1.LlmService, answered by a function."""

    service = "earwitness.v1.LlmService"
    registrars: ClassVar[tuple[str, ...]] = ("earwitness.v1.llm_pb2_grpc.add_LlmServiceServicer_to_server",)

    def __init__(self, answer: Answer, *, limit: int = 8) -> None:
        super().__init__(identity("function"))
        self.answer = answer
        self.admission = Admission(limit)
        self.warmed = 0

    async def warm_up(self) -> None:
        await self.answer(llm_pb2.GenerateRequest())
        self.warmed += 1

    @edge.unary
    async def Generate(self, request: llm_pb2.GenerateRequest, grpc_context: edge.Context) -> llm_pb2.GenerateResponse:
        with self.admission.slot():
            return await self.answer(request)

    @edge.unary
    async def GenerateBatch(
        self, request: llm_pb2.GenerateBatchRequest, grpc_context: edge.Context
    ) -> llm_pb2.GenerateBatchResponse:
        results = await batch.gather(request.requests, self.answer, 4, self.admission)
        return llm_pb2.GenerateBatchResponse(
            results=[
                llm_pb2.GenerateResult(error=result)
                if isinstance(result, status_pb2.Status)
                else llm_pb2.GenerateResult(response=result)
                for result in results
            ]
        )

    @edge.server_stream
    async def GenerateStream(
        self, request: llm_pb2.GenerateStreamRequest, grpc_context: edge.Context
    ) -> AsyncIterator[llm_pb2.GenerateStreamResponse]:
        with self.admission.slot():
            while True:
                yield llm_pb2.GenerateStreamResponse(delta=(await self.answer(request.request)).generation.text)

    @edge.unary
    async def ScoreChoices(
        self, request: llm_pb2.ScoreChoicesRequest, grpc_context: edge.Context
    ) -> llm_pb2.ScoreChoicesResponse:
        return llm_pb2.ScoreChoicesResponse()

    @edge.unary
    async def ScoreChoicesBatch(
        self, request: llm_pb2.ScoreChoicesBatchRequest, grpc_context: edge.Context
    ) -> llm_pb2.ScoreChoicesBatchResponse:
        return llm_pb2.ScoreChoicesBatchResponse()


class LengthCaptioner:
    """A captioner that knows how long a clip lasts, and hears no words."""

    identity = identity("length")

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        return [Caption(text=f"A sound of {clip.seconds:g} seconds.", transcript="") for clip in clips]


class ReadingListener:
    """An audio language model that reads the conversation out, with each clip's words or length in its place."""

    identity = identity("reading")

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        heard = [f"{clip.clip.seconds:g} s" if clip.transcript is None else clip.transcript for clip in clips]
        text = " / ".join(message.content for message in messages)
        for words in heard:
            text = text.replace(MARK, f"[{words}]", 1)
        generation = Generation(text=text, finish_reason="stop", prompt_tokens=len(text), completion_tokens=0)
        return generation, heard

    def stop(self) -> None:
        """Holds nothing."""
