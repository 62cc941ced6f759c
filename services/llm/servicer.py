"""The LLM service's RPCs: checks, admission and the wire; the engine does the work."""

from collections.abc import AsyncIterator
from typing import ClassVar

from google.rpc import status_pb2

from earwitness import batch, edge
from earwitness.admission import Admission
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from earwitness.servicer import ModelServicer
from earwitness.v1 import llm_pb2
from earwitness.wire import generation_to, sampling_from, turns_from
from services.llm.config import LlmConfig
from services.llm.engine import TextEngine, open_engine
from services.llm.stream import coalesced

MAX_BATCH = 256
MAX_CHOICES = 26
MAX_CHOICE_CHARS = 4096
STREAM_INTERVAL_S = 0.05
"""Pieces are sent this far apart: one message per token costs more than the token."""


class LlmServicer(ModelServicer):
    """earwitness.v1.LlmService."""

    service = "earwitness.v1.LlmService"
    registrars: ClassVar[tuple[str, ...]] = ("earwitness.v1.llm_pb2_grpc.add_LlmServiceServicer_to_server",)

    def __init__(self, config: LlmConfig, engine: TextEngine | None = None) -> None:
        """Opens the configured engine, unless one is given."""
        self.engine = engine or open_engine(config)
        self.admission = Admission(config.max_in_flight)
        super().__init__(self.engine.identity)

    async def warm_up(self) -> None:
        """Generates one token."""
        await self.engine.generate([Turn(role="user", content="Hello")], Sampling(max_tokens=1), thinking=False)

    @edge.unary
    async def Generate(self, request: llm_pb2.GenerateRequest, grpc_context: edge.Context) -> llm_pb2.GenerateResponse:
        """Answers one conversation."""
        with self.admission.slot():
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
        turns, sampling = turns_from(asked.messages), sampling_from(asked.sampling)
        with self.admission.slot():
            pieces = self.engine.stream(turns, sampling, thinking=asked.thinking)
            async for delta, whole in coalesced(pieces, STREAM_INTERVAL_S):
                yield llm_pb2.GenerateStreamResponse(delta=delta, generation=whole and generation_to(whole))

    @edge.unary
    async def ScoreChoices(
        self, request: llm_pb2.ScoreChoicesRequest, grpc_context: edge.Context
    ) -> llm_pb2.ScoreChoicesResponse:
        """Scores each option as the answer to one conversation."""
        turns, choices = turns_from(request.messages), list(request.choices)
        if not 2 <= len(choices) <= MAX_CHOICES:
            raise InvalidInput(f"{len(choices)} options", "choices", f"send 2 to {MAX_CHOICES}")
        for index, choice in enumerate(choices):
            if not 0 < len(choice) <= MAX_CHOICE_CHARS:
                limit = f"send 1 to {MAX_CHOICE_CHARS} characters"
                raise InvalidInput(f"{len(choice)} characters", f"choices[{index}]", limit)
        with self.admission.slot(len(choices)):
            scores = await self.engine.score(turns, choices)
        return llm_pb2.ScoreChoicesResponse(
            scores=[llm_pb2.ChoiceScore(logprob=logprob, num_tokens=tokens) for logprob, tokens in scores]
        )

    async def _generate(self, request: llm_pb2.GenerateRequest) -> llm_pb2.GenerateResponse:
        turns, sampling = turns_from(request.messages), sampling_from(request.sampling)
        generation = await self.engine.generate(turns, sampling, thinking=request.thinking)
        return llm_pb2.GenerateResponse(generation=generation_to(generation))
