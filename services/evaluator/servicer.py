"""The evaluator's RPCs: the wire and its limits; the registry does the work."""

from collections.abc import AsyncIterator
from typing import ClassVar

from earwitness import edge
from earwitness.admission import Admission
from earwitness.errors import InvalidInput
from earwitness.gate import Gate
from earwitness.runs import id_from, spec_from, state_from, status_to
from earwitness.v1 import evaluator_pb2 as pb
from services.evaluator.registry import Registry

PAGE, MAX_PAGE, MAX_TOKEN = 20, 100, 256


class EvaluatorServicer:
    """earwitness.v1.EvaluatorService."""

    service: ClassVar[str] = "earwitness.v1.EvaluatorService"

    def __init__(self, registry: Registry, max_watchers: int) -> None:
        self.gate = Gate.from_environment(self.service)
        self._registry = registry
        self._watchers = Admission(max_watchers)

    @edge.unary
    async def CreateRun(self, request: pb.CreateRunRequest, grpc_context: edge.Context) -> pb.CreateRunResponse:
        """Adds a run to the queue."""
        spec, id = spec_from(request.spec), id_from(request.id) if request.id else ""
        return pb.CreateRunResponse(run=status_to(await self._registry.create(spec, id)))

    @edge.unary
    async def GetRun(self, request: pb.GetRunRequest, grpc_context: edge.Context) -> pb.GetRunResponse:
        """Says how far a run is."""
        return pb.GetRunResponse(run=status_to(await self._registry.get(id_from(request.id))))

    @edge.server_stream
    async def WatchRun(
        self, request: pb.WatchRunRequest, grpc_context: edge.Context
    ) -> AsyncIterator[pb.WatchRunResponse]:
        """Says it again whenever it has changed."""
        id = id_from(request.id)
        with self._watchers.slot():
            async for status in self._registry.watch(id):
                yield pb.WatchRunResponse(run=status_to(status))

    @edge.unary
    async def ListRuns(self, request: pb.ListRunsRequest, grpc_context: edge.Context) -> pb.ListRunsResponse:
        """Lists a page of runs."""
        size = request.page_size or PAGE
        if size > MAX_PAGE:
            raise InvalidInput(f"{size} runs", "page_size", f"send 1 to {MAX_PAGE}")
        if len(request.page_token) > MAX_TOKEN:
            raise InvalidInput(f"{len(request.page_token)} characters", "page_token", f"send at most {MAX_TOKEN}")
        page = await self._registry.page(size, request.page_token, state_from(request.state))
        return pb.ListRunsResponse(runs=[status_to(run) for run in page.runs], next_page_token=page.next_token)

    @edge.unary
    async def CancelRun(self, request: pb.CancelRunRequest, grpc_context: edge.Context) -> pb.CancelRunResponse:
        """Ends a run."""
        return pb.CancelRunResponse(run=status_to(await self._registry.cancel(id_from(request.id))))
