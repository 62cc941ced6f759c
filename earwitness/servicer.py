"""What every model server answers beside its own RPCs: its identity and its health."""

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import (
    HealthListRequest,
    HealthListResponse,
)

from earwitness import edge
from earwitness.errors import NotFound
from earwitness.identity import Identity
from earwitness.v1 import model_pb2
from earwitness.wire import identity_to

REGISTRARS = (
    "earwitness.v1.model_pb2_grpc.add_ModelServiceServicer_to_server",
    "grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server",
)


class ModelServicer:
    """The base of the model servicers. A subclass mounts on Ray Serve and on a plain grpc.aio server alike."""

    service: ClassVar[str]
    """The full name of the service, such as `earwitness.v1.LlmService`, by which health is asked for."""
    registrars: ClassVar[tuple[str, ...]]
    """Import paths of the functions that add the servicer's RPCs to a server."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._warm = False
        self._warming = asyncio.Lock()

    async def warm_up(self) -> None:
        """Makes the model answer once. A subclass says how; raises what the model raises."""
        raise NotImplementedError

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

    async def _serving(self) -> health_pb2.HealthCheckResponse:
        async with self._warming:
            if not self._warm:
                await self.warm_up()
                self._warm = True
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
