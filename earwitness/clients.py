"""Typed callers of the model services: values in, values out, errors as `earwitness.errors`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from grpc_health.v1 import health_pb2, health_pb2_grpc

from earwitness.channel import Endpoint
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError
from earwitness.identity import Identity
from earwitness.sampling import Generation, Sampling
from earwitness.v1 import (
    audio_pb2,
    captioner_pb2,
    captioner_pb2_grpc,
    lalm_pb2,
    lalm_pb2_grpc,
    llm_pb2,
    llm_pb2_grpc,
    model_pb2,
    model_pb2_grpc,
)
from earwitness.wire import generation_from, identity_from, sampling_to

TIMEOUT_S = 300.0
READY_INTERVAL_S = 0.25
GREEDY = Sampling()


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A clip in words."""

    text: str
    transcript: str
    audio_sha256: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An answer about clips, and the transcripts that the model was given with them."""

    generation: Generation
    transcripts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenTurn:
    """One turn of a conversation with clips, each an encoded file; `<|AUDIO|>` in the content marks their places."""

    turn: Turn
    clips: tuple[bytes, ...] = ()
    transcripts: tuple[str | None, ...] = field(default=())
    """One per clip, or none at all: None lets the server transcribe, "" says that there is no speech."""


class ModelClient:
    """What every model service answers."""

    application: str

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s

    @classmethod
    def at(cls, address: str, *, application: str = "", num_channels: int = 4, timeout_s: float = TIMEOUT_S) -> Self:
        """Makes a client of the service at `host:port`."""
        endpoint = Endpoint(address, application or cls.application, num_channels=num_channels)
        return cls(endpoint, timeout_s=timeout_s)

    async def ready(self, within_s: float) -> None:
        """Waits until the model has answered once; raises the last error when it has not in time."""
        stub, request = health_pb2_grpc.HealthStub, health_pb2.HealthCheckRequest()
        deadline = time.monotonic() + within_s
        while True:
            left = max(deadline - time.monotonic(), 0.1)
            try:
                await self.endpoint.call(stub, "Check", request, health_pb2.HealthCheckResponse, left)
                return
            except EarwitnessError:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(READY_INTERVAL_S)

    async def identity(self) -> Identity:
        """Asks which model answers."""
        stub, request = model_pb2_grpc.ModelServiceStub, model_pb2.GetModelInfoRequest()
        answer = model_pb2.GetModelInfoResponse
        return identity_from(await self.endpoint.call(stub, "GetModelInfo", request, answer, self.timeout_s))

    async def close(self) -> None:
        """Closes the connections."""
        await self.endpoint.close()


class CaptionerClient(ModelClient):
    """Calls a captioner."""

    application = "captioner"

    async def caption(self, clip: bytes, prompt: str = "") -> Caption:
        """Describes an encoded clip."""
        request = captioner_pb2.CaptionRequest(audio=audio_pb2.Audio(data=clip), prompt=prompt)
        stub, answer = captioner_pb2_grpc.CaptionerServiceStub, captioner_pb2.CaptionResponse
        response = await self.endpoint.call(stub, "Caption", request, answer, self.timeout_s)
        return Caption(
            text=response.caption,
            transcript=response.transcript,
            audio_sha256=response.audio.sha256,
            seconds=response.audio.seconds,
        )


class LlmClient(ModelClient):
    """Calls a language model."""

    application = "llm"

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> Generation:
        """Answers a conversation."""
        request = llm_pb2.GenerateRequest(messages=_messages(turns), sampling=sampling_to(sampling), thinking=thinking)
        stub, answer = llm_pb2_grpc.LlmServiceStub, llm_pb2.GenerateResponse
        response = await self.endpoint.call(stub, "Generate", request, answer, self.timeout_s)
        return generation_from(response.generation)

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[tuple[float, int]]:
        """Returns each option's summed log-probability as the answer, and its number of tokens."""
        request = llm_pb2.ScoreChoicesRequest(messages=_messages(turns), choices=choices)
        stub, answer = llm_pb2_grpc.LlmServiceStub, llm_pb2.ScoreChoicesResponse
        response = await self.endpoint.call(stub, "ScoreChoices", request, answer, self.timeout_s)
        return [(score.logprob, score.num_tokens) for score in response.scores]


class LalmClient(ModelClient):
    """Calls an audio language model."""

    application = "lalm"

    async def listen(
        self, turns: Sequence[SpokenTurn], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> Heard:
        """Answers a conversation that holds clips."""
        messages = [
            lalm_pb2.ListenMessage(role=spoken.turn.role, content=spoken.turn.content, clips=_clips(spoken))
            for spoken in turns
        ]
        request = lalm_pb2.ListenRequest(messages=messages, sampling=sampling_to(sampling), thinking=thinking)
        stub, answer = lalm_pb2_grpc.LalmServiceStub, lalm_pb2.ListenResponse
        response = await self.endpoint.call(stub, "Listen", request, answer, self.timeout_s)
        transcripts = tuple(clip.transcript for clip in response.clips)
        return Heard(generation=generation_from(response.generation), transcripts=transcripts)


def _messages(turns: Sequence[Turn]) -> list[llm_pb2.ChatMessage]:
    return [llm_pb2.ChatMessage(role=turn.role, content=turn.content) for turn in turns]


def _clips(spoken: SpokenTurn) -> list[lalm_pb2.Clip]:
    transcripts = spoken.transcripts or (None,) * len(spoken.clips)
    return [
        lalm_pb2.Clip(audio=audio_pb2.Audio(data=data), transcript=transcript)
        for data, transcript in zip(spoken.clips, transcripts, strict=True)
    ]
