"""The LLM service's RPCs: checks, admission and the wire; the engine does the work."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from google.rpc import status_pb2

from earwitness import batch, edge
from earwitness.admission import Admission
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.metrics import Metrics
from earwitness.sampling import PLAIN, Extras, Generation, Sampling
from earwitness.servicer import ModelServicer
from earwitness.v1 import llm_pb2, model_pb2
from earwitness.wire import (
    MAX_ANSWERS,
    answers_from,
    check_extras,
    extras_from,
    generation_to,
    identity_to,
    sampling_from,
    turns_from,
)
from services.llm import scoring
from services.llm.config import LlmConfig
from services.llm.engine import TextEngine, open_engine
from services.llm.metering import Metered
from services.llm.stream import coalesced

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from services.llm.openai_http.app import OpenAiApp

MAX_BATCH = 256
STREAM_INTERVAL_S = 0.05
"""Pieces are sent this far apart: one message per token costs more than the token."""


class LlmServicer(ModelServicer):
    """earwitness.v1.LlmService."""

    service = "earwitness.v1.LlmService"
    registrars: ClassVar[tuple[str, ...]] = ("earwitness.v1.llm_pb2_grpc.add_LlmServiceServicer_to_server",)

    def __init__(self, config: LlmConfig, engine: TextEngine | None = None) -> None:
        """Opens the configured engine, unless one is given."""
        metrics = Metrics("llm")
        with metrics.collecting():
            self.engine = engine or open_engine(config)
            self.admission = Admission(config.max_in_flight)
        super().__init__(self.engine.identity, metrics)

    async def warm_up(self) -> None:
        """Generates one token."""
        await self.engine.generate([Turn(role="user", content="Hello")], Sampling(max_tokens=1), thinking=False)

    async def __call__(self, request: "Request") -> "Response":
        """Answers an HTTP request, which Ray Serve brings here: the same model as an OpenAI-compatible API."""
        from services.llm.openai_http.mounts import on_ray

        return await on_ray(self.http, request)

    @cached_property
    def http(self) -> "OpenAiApp":
        """The OpenAI-compatible endpoints."""
        from services.llm.openai_http.app import OpenAiApp

        return OpenAiApp(self)

    async def engine_for(self, extras: Extras) -> TextEngine:
        """Returns the engine as a call wants it, counted; raises what `TextEngine.with_extras` raises."""
        return Metered(self.engine if extras == PLAIN else await self.engine.with_extras(extras), self.metrics)

    @edge.unary
    async def GetModelInfo(
        self, request: model_pb2.GetModelInfoRequest, grpc_context: edge.Context
    ) -> model_pb2.GetModelInfoResponse:
        """Says which model answers, with which adapter, and which adapters there are."""
        extras = Extras(adapter=request.adapter)
        check_extras(extras)
        info = identity_to((await self.engine_for(extras)).identity)
        info.adapters.extend(self.engine.adapters())
        return info

    @edge.unary
    async def Generate(self, request: llm_pb2.GenerateRequest, grpc_context: edge.Context) -> llm_pb2.GenerateResponse:
        """Answers one conversation."""
        with self.admission.slot(min(request.n, MAX_ANSWERS) or 1):
            return await self._generate(request)

    @edge.unary
    async def GenerateBatch(
        self, request: llm_pb2.GenerateBatchRequest, grpc_context: edge.Context
    ) -> llm_pb2.GenerateBatchResponse:
        """Answers many conversations; a bad one fails alone."""
        results = await batch.gather(request.requests, self._generate, MAX_BATCH, self.admission)
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
        """Answers one conversation in pieces; the last message holds the whole."""
        asked = request.request
        turns, sampling, extras = turns_from(asked.messages), sampling_from(asked.sampling), extras_from(asked)
        if asked.n > 1:
            raise InvalidInput(f"{asked.n} answers in one stream", "request.n", "ask for one, or call Generate")
        with self.admission.slot():
            engine = await self.engine_for(extras)
            pieces = engine.stream(turns, sampling, thinking=asked.thinking)
            async for delta, whole in coalesced(pieces, STREAM_INTERVAL_S):
                yield llm_pb2.GenerateStreamResponse(delta=delta, generation=whole and generation_to(whole))

    @edge.unary
    async def ScoreChoices(
        self, request: llm_pb2.ScoreChoicesRequest, grpc_context: edge.Context
    ) -> llm_pb2.ScoreChoicesResponse:
        """Scores each option as the answer to one conversation."""
        asked = scoring.asked_from(request)
        with self.admission.slot(asked.num_scored):
            return await self._score(asked)

    @edge.unary
    async def ScoreChoicesBatch(
        self, request: llm_pb2.ScoreChoicesBatchRequest, grpc_context: edge.Context
    ) -> llm_pb2.ScoreChoicesBatchResponse:
        """Scores the options of many conversations; a bad one fails alone."""

        async def score(item: llm_pb2.ScoreChoicesRequest) -> llm_pb2.ScoreChoicesResponse:
            return await self._score(scoring.asked_from(item))

        results = await batch.gather(request.requests, score, MAX_BATCH, self.admission)
        return llm_pb2.ScoreChoicesBatchResponse(
            results=[
                llm_pb2.ScoreChoicesResult(error=result)
                if isinstance(result, status_pb2.Status)
                else llm_pb2.ScoreChoicesResult(response=result)
                for result in results
            ]
        )

    async def _generate(self, request: llm_pb2.GenerateRequest) -> llm_pb2.GenerateResponse:
        turns, sampling = turns_from(request.messages), sampling_from(request.sampling)
        extras, num_answers = extras_from(request), answers_from(request)
        engine = await self.engine_for(extras)

        async def answer(number: int) -> Generation:
            seeded = sampling if not number else replace(sampling, seed=(sampling.seed + number) % (1 << 64))
            return await engine.generate(turns, seeded, thinking=request.thinking)

        first, *more = await asyncio.gather(*[answer(number) for number in range(num_answers)])
        return llm_pb2.GenerateResponse(generation=generation_to(first), more=map(generation_to, more))

    async def _score(self, asked: scoring.Asked) -> llm_pb2.ScoreChoicesResponse:
        engine = await self.engine_for(Extras(adapter=asked.adapter))
        return scoring.response_to(asked, await engine.score(asked.turns, asked.texts))
