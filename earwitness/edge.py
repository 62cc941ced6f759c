"""The RPC edge: what every gRPC method of every servicer passes through, on Ray Serve and on a plain server alike.

An EarwitnessError becomes a rich status, anything else an INTERNAL with a request id and never a traceback. The status
is set on the context and an empty message returned: on Ray Serve 2.60, a method that raises loses its status details.
Methods name their second argument `grpc_context`, since Ray passes its context by that name.
"""

import functools
import inspect
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, cast, get_args, get_type_hints

import grpc
from google.protobuf.message import Message

from earwitness.errors import EarwitnessError, EngineFailure
from earwitness.status import DETAILS_KEY, grpc_code, to_status

log = logging.getLogger(__name__)
S = TypeVar("S")
Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


class Context(Protocol):
    """What grpc.aio.ServicerContext and Ray Serve's context share."""

    def set_code(self, code: grpc.StatusCode) -> None:
        """Sets the status code."""
        ...

    def set_details(self, details: str) -> None:
        """Sets the status message."""
        ...

    def set_trailing_metadata(self, trailing_metadata: Sequence[tuple[str, bytes]]) -> None:
        """Sets what follows the response."""
        ...


Unary = Callable[[S, Q, Context], Awaitable[R]]
ServerStream = Callable[[S, Q, Context], AsyncIterator[R]]


def unary(method: Unary[S, Q, R]) -> Unary[S, Q, R]:
    """Guards a unary method. Its return annotation names the response, of which an empty one answers an error."""
    response = cast(type[R], get_type_hints(method)["return"])

    @functools.wraps(method)
    async def guarded(self: S, request: Q, grpc_context: Context) -> R:
        try:
            return await method(self, request, grpc_context)
        except Exception as error:
            refuse(error, grpc_context)
            return response()

    return guarded


def server_stream(method: ServerStream[S, Q, R]) -> ServerStream[S, Q, R]:
    """Guards a method that yields responses; an error ends the stream with its status."""
    assert get_args(get_type_hints(method)["return"]) and inspect.isasyncgenfunction(method)

    @functools.wraps(method)
    async def guarded(self: S, request: Q, grpc_context: Context) -> AsyncIterator[R]:
        try:
            async for response in method(self, request, grpc_context):
                yield response
        except Exception as error:
            refuse(error, grpc_context)

    return guarded


def refuse(error: Exception, context: Context) -> None:
    """Puts an error on the context as its status."""
    known = as_known(error)
    status = to_status(known)
    context.set_code(grpc_code(known))
    context.set_details(status.message)
    context.set_trailing_metadata([(DETAILS_KEY, status.SerializeToString())])


def as_known(error: Any) -> EarwitnessError:
    """Returns the error itself if it is one of ours, else logs it and returns a failure that names the log entry."""
    if isinstance(error, EarwitnessError):
        return error
    request_id = uuid.uuid4().hex[:12]
    log.error("request %s failed", request_id, exc_info=error)
    return EngineFailure("internal error", remedy=f"the server's log has the cause under request {request_id}")
