"""Typed callers of the model services: values in, values out, errors as `earwitness.errors`."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, Self, TypeVar

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from earwitness.access import Access
from earwitness.channel import Endpoint
from earwitness.coalesce import Coalescer
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError, Unauthenticated
from earwitness.fanout import Retries
from earwitness.identity import Identity
from earwitness.sampling import Generation, Sampling
from earwitness.status import from_status
from earwitness.v1 import (
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
BATCH_BYTES = 4 << 20
"""More gains nothing, and is the most that Ray Serve passes between its own parts unless told otherwise."""
MOST_TEXTS, MOST_CLIPS = 256, 64
"""The services' own limits on a batch."""
BYTES_PER_CHAR = 4

R = TypeVar("R", bound=Message)
Fields = dict[str, Any]
"""The fields of a message: several times cheaper to make a message of than messages are."""
_sampling = lru_cache(maxsize=64)(sampling_to)


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

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """Calls `endpoint`; up to `batch` calls of one moment go out as one, 0 for each by itself.

        A batch is answered when the slowest of its items is: it suits answers of about equal length.
        """
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self.batch = batch

    @classmethod
    def at(
        cls,
        address: str,
        *,
        application: str = "",
        num_channels: int = 4,
        timeout_s: float = TIMEOUT_S,
        batch: int = 0,
        access: Access | None = None,
        retries: Retries | None = None,
    ) -> Self:
        """Makes a client of the service at `host:port`; `access` and `retries` are Endpoint's."""
        endpoint = Endpoint(
            address, application or cls.application, num_channels=num_channels, access=access, retries=retries
        )
        return cls(endpoint, timeout_s=timeout_s, batch=batch)

    def within(self, timeout_s: float) -> Self:
        """Returns a client with another deadline for its calls, over the same connections; close either."""
        return type(self)(self.endpoint, timeout_s=timeout_s, batch=self.batch)

    async def ready(self, within_s: float) -> None:
        """Waits until the model has answered once; raises the last error when it has not in time.

        Raises Unauthenticated at once: a token does not become right by waiting.
        """
        stub, request = health_pb2_grpc.HealthStub, health_pb2.HealthCheckRequest()
        deadline = time.monotonic() + within_s
        while True:
            left = max(deadline - time.monotonic(), 0.1)
            try:
                await self.endpoint.call(stub, "Check", request, health_pb2.HealthCheckResponse, left)
                return
            except Unauthenticated:
                raise
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


class Method(Generic[R]):
    """A unary method that has a twin for batches, `<name>Batch`."""

    def __init__(
        self,
        client: ModelClient,
        stub: Callable[..., Any],
        messages: tuple[type[Message], type[R]],
        batch_messages: tuple[type[Message], type[Any]],
        most: int,
    ) -> None:
        """`messages` are request and answer of the method, `batch_messages` those of its twin, for `most` requests."""
        self._client = client
        self._stub = stub
        self._request, self._answer = messages
        self._batch_request, self._batch_answer = batch_messages
        self._name = self._request.__name__.removesuffix("Request")
        self._coalescer = Coalescer(self._one, self._many, min(client.batch, most), BATCH_BYTES)

    async def __call__(self, fields: Fields, size: int) -> R:
        """Calls with a request of these fields, of at most `size` bytes."""
        return await self._coalescer.submit(fields, size)

    async def _one(self, fields: Fields) -> R:
        endpoint, timeout_s = self._client.endpoint, self._client.timeout_s
        return await endpoint.call(self._stub, self._name, self._request(**fields), self._answer, timeout_s)

    async def _many(self, requests: Sequence[Fields]) -> list[R | EarwitnessError]:
        endpoint, timeout_s, name = self._client.endpoint, self._client.timeout_s, f"{self._name}Batch"
        request = self._batch_request(requests=requests)
        response = await endpoint.call(self._stub, name, request, self._batch_answer, timeout_s)
        return [
            from_status(result.error) if result.HasField("error") else result.response for result in response.results
        ]


class CaptionerClient(ModelClient):
    """Calls a captioner."""

    application = "captioner"

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """See ModelClient."""
        super().__init__(endpoint, timeout_s=timeout_s, batch=batch)
        self._caption = Method(
            self,
            captioner_pb2_grpc.CaptionerServiceStub,
            (captioner_pb2.CaptionRequest, captioner_pb2.CaptionResponse),
            (captioner_pb2.CaptionBatchRequest, captioner_pb2.CaptionBatchResponse),
            MOST_CLIPS,
        )

    async def caption(self, clip: bytes, prompt: str = "") -> Caption:
        """Describes an encoded clip."""
        size = len(clip) + BYTES_PER_CHAR * len(prompt)
        response = await self._caption({"audio": {"data": clip}, "prompt": prompt}, size)
        return Caption(
            text=response.caption,
            transcript=response.transcript,
            audio_sha256=response.audio.sha256,
            seconds=response.audio.seconds,
        )


class LlmClient(ModelClient):
    """Calls a language model."""

    application = "llm"

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """See ModelClient."""
        super().__init__(endpoint, timeout_s=timeout_s, batch=batch)
        self._generate = Method(
            self,
            llm_pb2_grpc.LlmServiceStub,
            (llm_pb2.GenerateRequest, llm_pb2.GenerateResponse),
            (llm_pb2.GenerateBatchRequest, llm_pb2.GenerateBatchResponse),
            MOST_TEXTS,
        )

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> Generation:
        """Answers a conversation."""
        fields = {"messages": _messages(turns), "sampling": _sampling(sampling), "thinking": thinking}
        response = await self._generate(fields, BYTES_PER_CHAR * sum([len(turn.content) for turn in turns]))
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

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """See ModelClient."""
        super().__init__(endpoint, timeout_s=timeout_s, batch=batch)
        self._listen = Method(
            self,
            lalm_pb2_grpc.LalmServiceStub,
            (lalm_pb2.ListenRequest, lalm_pb2.ListenResponse),
            (lalm_pb2.ListenBatchRequest, lalm_pb2.ListenBatchResponse),
            MOST_CLIPS,
        )

    async def listen(
        self, turns: Sequence[SpokenTurn], sampling: Sampling = GREEDY, *, thinking: bool = False
    ) -> Heard:
        """Answers a conversation that holds clips."""
        messages = [
            {"role": spoken.turn.role, "content": spoken.turn.content, "clips": _clips(spoken)} for spoken in turns
        ]
        fields = {"messages": messages, "sampling": _sampling(sampling), "thinking": thinking}
        response = await self._listen(fields, sum([_size(spoken) for spoken in turns]))
        transcripts = tuple(clip.transcript for clip in response.clips)
        return Heard(generation=generation_from(response.generation), transcripts=transcripts)


def _messages(turns: Sequence[Turn]) -> list[Fields]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _clips(spoken: SpokenTurn) -> list[Fields]:
    transcripts = spoken.transcripts or (None,) * len(spoken.clips)
    return [
        {"audio": {"data": data}, "transcript": transcript}
        for data, transcript in zip(spoken.clips, transcripts, strict=True)
    ]


def _size(spoken: SpokenTurn) -> int:
    words = len(spoken.turn.content) + sum([len(words or "") for words in spoken.transcripts])
    return BYTES_PER_CHAR * words + sum([len(clip) for clip in spoken.clips])
