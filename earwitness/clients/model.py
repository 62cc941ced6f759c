"""What the clients of all model services share: readiness, identity, and methods that have a twin for batches."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, Self, TypeVar

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from earwitness.access import Access
from earwitness.channel import Endpoint
from earwitness.clients.values import ModelInfo
from earwitness.coalesce import Coalescer
from earwitness.errors import EarwitnessError, EngineFailure, InvalidInput, Unauthenticated
from earwitness.fanout import Retries
from earwitness.identity import Identity
from earwitness.sampling import Sampling
from earwitness.status import from_status
from earwitness.v1 import model_pb2, model_pb2_grpc
from earwitness.wire import identity_from, sampling_to

TIMEOUT_S = 300.0
READY_INTERVAL_S = 0.25
GREEDY = Sampling()
BATCH_BYTES = 4 << 20
"""More gains nothing, and is the most that Ray Serve passes between its own parts unless told otherwise."""
MOST_TEXTS, MOST_CLIPS = 256, 64
"""The services' own limits on a batch."""
BYTES_PER_CHAR = 4

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Fields = dict[str, Any]
"""The fields of a message: several times cheaper to make a message of than messages are."""


@lru_cache(maxsize=64)
def sampled(sampling: Sampling) -> model_pb2.Sampling:
    """Writes a sampling; raises InvalidInput for a number that the wire cannot hold, such as a seed below 0."""
    try:
        return sampling_to(sampling)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"cannot be sent: {error}", "sampling") from None


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
        return (await self.info()).identity

    async def info(self, adapter: str = "") -> ModelInfo:
        """Asks which model answers, or answers with a LoRA adapter of the server, which raises NotFound for no such."""
        stub, request = model_pb2_grpc.ModelServiceStub, model_pb2.GetModelInfoRequest(adapter=adapter)
        answer = model_pb2.GetModelInfoResponse
        response = await self.endpoint.call(stub, "GetModelInfo", request, answer, self.timeout_s)
        return ModelInfo(identity=identity_from(response), version=response.version, adapters=tuple(response.adapters))

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
        self._most = min(client.batch or most, most)
        self._coalescer = Coalescer(self._one, self._many, min(client.batch, most), BATCH_BYTES)

    async def __call__(self, fields: Fields, size: int) -> R:
        """Calls with a request of these fields, of at most `size` bytes."""
        return await self._coalescer.submit(fields, size)

    async def batch(self, requests: Sequence[tuple[Fields, int]]) -> list[R | EarwitnessError]:
        """Calls with many, fields and size each, in as few messages as the limits allow, one after the other.

        Returns a response or an error for each, in order; what a message fails with, each of its requests gets.
        """
        results: list[R | EarwitnessError] = []
        for part in _parts(requests, self._most):
            try:
                found = await self._many(part)
                if len(found) != len(part):
                    raise EngineFailure(f"{len(found)} results came for {len(part)} requests")
                results += found
            except EarwitnessError as error:
                results += [error] * len(part)
        return results

    async def _one(self, fields: Fields) -> R:
        endpoint, timeout_s = self._client.endpoint, self._client.timeout_s
        request = made(self._request, fields)
        return await endpoint.call(self._stub, self._name, request, self._answer, timeout_s)

    async def _many(self, requests: Sequence[Fields]) -> list[R | EarwitnessError]:
        endpoint, timeout_s, name = self._client.endpoint, self._client.timeout_s, f"{self._name}Batch"
        request = made(self._batch_request, {"requests": requests})
        response = await endpoint.call(self._stub, name, request, self._batch_answer, timeout_s)
        return [
            from_status(result.error) if result.HasField("error") else result.response for result in response.results
        ]


def made(kind: type[Q], fields: Fields) -> Q:
    """Makes a message; raises InvalidInput for a value that its field cannot hold, such as a number below 0."""
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"cannot be sent: {error}", kind.DESCRIPTOR.name) from None


def _parts(requests: Sequence[tuple[Fields, int]], most: int) -> Iterator[list[Fields]]:
    """Yields the requests in runs of at most `most` and of BATCH_BYTES; a larger one goes alone."""
    part: list[Fields] = []
    total = 0
    for fields, size in requests:
        if part and (len(part) >= most or total + size > BATCH_BYTES):
            yield part
            part, total = [], 0
        part.append(fields)
        total += size
    if part:
        yield part
