"""The caller of the evaluator service: specs in, runs out, errors as `earwitness.errors`."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from earwitness.channel import Endpoint
from earwitness.errors import InvalidInput
from earwitness.runs import RunSpec, RunState, RunStatus, spec_to, state_to, status_from
from earwitness.v1 import evaluator_pb2 as pb
from earwitness.v1 import evaluator_pb2_grpc

TIMEOUT_S = 30.0
WATCH_S = 7 * 24 * 3600.0
"""A run that takes longer is watched anew."""
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPage:
    """Some runs, the newest first, and the token of the next page ("" after the last)."""

    runs: tuple[RunStatus, ...]
    next_page_token: str


class EvaluatorClient:
    """Calls the evaluator at `host:port`. Use it as an async context manager, within one event loop."""

    def __init__(self, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._endpoint = Endpoint(address, "evaluator", num_channels=1)

    async def __aenter__(self) -> "EvaluatorClient":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self._endpoint.close()

    async def create(self, spec: RunSpec, id: str = "") -> RunStatus:
        """Creates a run, or returns the unfinished one of the same spec; raises what the evaluator raises."""
        try:
            request = pb.CreateRunRequest(spec=spec_to(spec), id=id)
        except ValueError as error:  # such as a number below 0
            raise InvalidInput(f"cannot be sent: {error}", "spec") from None
        return status_from((await self._call("CreateRun", request, pb.CreateRunResponse)).run)

    async def get(self, id: str) -> RunStatus:
        """Returns a run; raises NotFound."""
        return status_from((await self._call("GetRun", pb.GetRunRequest(id=id), pb.GetRunResponse)).run)

    async def watch(self, id: str) -> AsyncIterator[RunStatus]:
        """Yields the run whenever it has changed, until it has ended or the server does; raises NotFound."""
        stub, request = evaluator_pb2_grpc.EvaluatorServiceStub, pb.WatchRunRequest(id=id)
        async for response in self._endpoint.stream(stub, "WatchRun", request, pb.WatchRunResponse, WATCH_S):
            yield status_from(response.run)

    async def list(self, page_size: int = 0, page_token: str = "", state: RunState | None = None) -> RunPage:
        """Returns a page of runs."""
        request = pb.ListRunsRequest(page_size=page_size, page_token=page_token, state=state and state_to(state))
        response = await self._call("ListRuns", request, pb.ListRunsResponse)
        return RunPage(runs=tuple(map(status_from, response.runs)), next_page_token=response.next_page_token)

    async def cancel(self, id: str) -> RunStatus:
        """Ends a run once what is in flight has come back; raises NotFound."""
        return status_from((await self._call("CancelRun", pb.CancelRunRequest(id=id), pb.CancelRunResponse)).run)

    async def _call(self, method: str, request: Message, answer: type[R]) -> R:
        stub: Callable[..., object] = evaluator_pb2_grpc.EvaluatorServiceStub
        return await self._endpoint.call(stub, method, request, answer, self.timeout_s)
