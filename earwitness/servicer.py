"""What every model server answers beside its own RPCs: its identity, its health, and which RPCs there are."""

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2 import (
    HealthListRequest,
    HealthListResponse,
)
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from earwitness import calls, edge, replica
from earwitness.errors import NotFound
from earwitness.gate import Gate
from earwitness.identity import Identity
from earwitness.metrics import Metrics
from earwitness.metrics.declared import IN_FLIGHT
from earwitness.scaling import QUESTIONS
from earwitness.v1 import model_pb2
from earwitness.wire import identity_to

REGISTRARS = (
    "earwitness.v1.model_pb2_grpc.add_ModelServiceServicer_to_server",
    "grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server",
)
REFLECTION_REGISTRAR = "grpc_reflection.v1alpha.reflection_pb2_grpc.add_ServerReflectionServicer_to_server"
"""Ours instead of Ray's own: that one runs before the replica, past its gate."""


class ModelServicer:
    """The base of the model servicers. A subclass mounts on Ray Serve and on a plain grpc.aio server alike."""

    service: ClassVar[str] = ""
    """The full name of the service, such as `earwitness.v1.LlmService`, by which health is asked for."""
    registrars: ClassVar[tuple[str, ...]]
    """Import paths of the functions that add the servicer's RPCs to a server."""

    def __init__(self, identity: Identity, metrics: Metrics | None = None) -> None:
        """Takes the metrics under which the engine was built, or new ones.

        Raises what `Gate.from_environment` raises: better no server than an open one.
        """
        self.identity = identity
        self.metrics = metrics or Metrics(calls.short_name(self.service))
        self.metrics.model = identity.model
        replica.observe(self.metrics)
        self.gate = Gate.from_environment(self.service)
        self._warm = False
        self._warming = asyncio.Lock()

    async def warm_up(self) -> None:
        """Makes the model answer once. A subclass says how; raises what the model raises."""
        raise NotImplementedError

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Says how many questions it holds; Ray Serve asks a replica for it, on behalf of `earwitness.scaling`."""
        return {QUESTIONS: sum(held for _, held in self.metrics.values(IN_FLIGHT))}

    @edge.unary
    async def GetModelInfo(
        self, request: model_pb2.GetModelInfoRequest, grpc_context: edge.Context
    ) -> model_pb2.GetModelInfoResponse:
        """Says which model answers."""
        return identity_to(self.identity)

    @edge.unary
    async def Check(
        self, request: health_pb2.HealthCheckRequest, grpc_context: edge.Context
    ) -> health_pb2.HealthCheckResponse:
        """Says SERVING once the model has answered, which the first check makes it do. Knows its own name and ""."""
        if request.service not in ("", self.service):
            raise NotFound(f"no such service: {request.service[:80]!r}", "service", f"ask for {self.service}")
        return await self._serving()

    @edge.unary
    async def List(self, request: HealthListRequest, grpc_context: edge.Context) -> HealthListResponse:
        """Says the same of every name that `Check` knows."""
        serving, response = await self._serving(), HealthListResponse()
        for name in ("", self.service):
            response.statuses[name].status = serving.status
        return response

    @edge.server_stream
    async def Watch(
        self, request: health_pb2.HealthCheckRequest, grpc_context: edge.Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Says what `Check` says, but SERVICE_UNKNOWN for another name, and stays open, as the protocol wants it."""
        if request.service in ("", self.service):
            yield await self._serving()
        else:
            yield health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        await asyncio.Event().wait()

    @edge.both_streams
    async def ServerReflectionInfo(
        self, request_stream: AsyncIterator[ServerReflectionRequest], grpc_context: edge.Context
    ) -> AsyncIterator[ServerReflectionResponse]:
        """Describes the RPCs to those who have no stubs, such as grpcurl."""
        async for response in self._reflection.ServerReflectionInfo(request_stream, grpc_context):
            yield response

    @functools.cached_property
    def _reflection(self) -> Any:
        from grpc_reflection.v1alpha import reflection

        names = (self.service, "earwitness.v1.ModelService", health.SERVICE_NAME, reflection.SERVICE_NAME)
        return reflection.aio.ReflectionServicer(names)

    async def _serving(self) -> health_pb2.HealthCheckResponse:
        async with self._warming:
            if not self._warm:
                await self.warm_up()
                self._warm = True
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
