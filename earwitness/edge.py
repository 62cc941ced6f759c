"""The RPC edge: what every gRPC method of every servicer passes through, on Ray Serve and on a plain server alike.

A call whose deadline has passed is refused, and so is one that the servicer's `gate` does not let in. An
EarwitnessError becomes a rich status, anything else an INTERNAL with a request id and never a traceback. The status is
set on the context and an empty message returned: on Ray Serve 2.60, a method that raises loses its status details.
Every call has its `earwitness.account`, and its request id goes back in the trailing metadata.
Methods name their second argument `grpc_context`, since Ray passes its context by that name.
"""

import asyncio
import functools
import inspect
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar, cast, get_args, get_type_hints

import grpc
from google.protobuf.message import Message

from earwitness import calls
from earwitness.account import OK, REQUEST_ID, Account
from earwitness.errors import DeadlineExceeded, EarwitnessError, EngineFailure, InvalidInput
from earwitness.gate import Gate, authorization_of
from earwitness.status import DETAILS_KEY, grpc_code, to_status

log = logging.getLogger(__name__)
S = TypeVar("S")
Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


RPCS: set[str] = set()
"""The names of all methods that were ever guarded: what a metric may be labelled with, whatever a caller asks for."""
FAILURES = (Exception, asyncio.CancelledError, BaseExceptionGroup)
"""A cancellation from within, such as of an engine that ends, is a failure too: gRPC would answer nothing."""


class Context(Protocol):
    """What grpc.aio.ServicerContext and Ray Serve's context share."""

    def invocation_metadata(self) -> Sequence[tuple[str, Any]] | None:
        """Returns what the caller sent beside the request."""
        ...

    def set_code(self, code: grpc.StatusCode) -> None:
        """Sets the status code."""
        ...

    def set_details(self, details: str) -> None:
        """Sets the status message."""
        ...

    def trailing_metadata(self) -> Sequence[tuple[str, Any]] | None:
        """Returns what is to follow the response."""
        ...

    def set_trailing_metadata(self, trailing_metadata: Sequence[tuple[str, Any]]) -> None:
        """Sets what follows the response, in place of what was set before."""
        ...


class Malformed:
    """What `earwitness.mount` puts in the place of a request that cannot be parsed."""


Unary = Callable[[S, Q, Context], Awaitable[R]]
ServerStream = Callable[[S, Q, Context], AsyncIterator[R]]
BothStreams = Callable[[S, AsyncIterator[Q], Context], AsyncIterator[R]]


def unary(method: Unary[S, Q, R]) -> Unary[S, Q, R]:
    """Guards a unary method. Its return annotation names the response, of which an empty one answers an error."""
    response = cast(type[R], get_type_hints(method)["return"])

    @functools.wraps(method)
    async def guarded(self: S, request: Q, grpc_context: Context) -> R:
        with account_of(self, method.__name__, grpc_context) as account:
            try:
                with _entered(self, method.__name__, request, grpc_context):
                    answer = await method(self, _readable(request), grpc_context)
                account.code = OK
            except FAILURES as error:
                account.code = refuse_unless_cancelled(error, grpc_context)
                answer = response()
            return answer

    RPCS.add(method.__name__)
    return guarded


def server_stream(method: ServerStream[S, Q, R]) -> ServerStream[S, Q, R]:
    """Guards a method that yields responses; an error ends the stream with its status."""
    assert get_args(get_type_hints(method)["return"]) and inspect.isasyncgenfunction(method)

    @functools.wraps(method)
    async def guarded(self: S, request: Q, grpc_context: Context) -> AsyncIterator[R]:
        with account_of(self, method.__name__, grpc_context) as account:
            try:
                with _entered(self, method.__name__, request, grpc_context):
                    account.recognise()
                    async for response in method(self, _readable(request), grpc_context):
                        yield response
                account.code = OK
            except FAILURES as error:
                account.code = refuse_unless_cancelled(error, grpc_context)

    RPCS.add(method.__name__)
    return guarded


def both_streams(method: BothStreams[S, Q, R]) -> BothStreams[S, Q, R]:
    """Guards a method that reads requests and yields responses. Ray wants the name `request_stream` of the first."""
    assert inspect.isasyncgenfunction(method)

    @functools.wraps(method)
    async def guarded(self: S, request_stream: AsyncIterator[Q], grpc_context: Context) -> AsyncIterator[R]:
        with account_of(self, method.__name__, grpc_context) as account:
            try:
                with _entered(self, method.__name__, request_stream, grpc_context):
                    account.recognise()
                    async for response in method(self, _all_readable(request_stream), grpc_context):
                        yield response
                account.code = OK
            except FAILURES as error:
                account.code = refuse_unless_cancelled(error, grpc_context)

    RPCS.add(method.__name__)
    return guarded


def account_of(servicer: object, rpc: str, context: Context) -> Account:
    """Opens the account of a call; its request id is to follow the response, beside what Ray Serve lets follow."""
    service, metrics = getattr(servicer, "service", ""), getattr(servicer, "metrics", None)
    time_left = getattr(context, "time_remaining", None)
    account = Account(service, rpc, context.invocation_metadata() or (), metrics, time_left)
    trailing = context.trailing_metadata() or ()
    context.set_trailing_metadata([*trailing, (REQUEST_ID, account.call.request_id)])
    return account


def _entered(servicer: object, rpc: str, request: object, context: Context) -> AbstractContextManager[None]:
    """Lets the call in for as long as it lasts; raises what the gate raises, and DeadlineExceeded.

    Ray's context knows no deadline: there the replica's own gRPC server cancels the call.
    """
    time_remaining = getattr(context, "time_remaining", None)
    left_s: float | None = time_remaining() if time_remaining else None
    if left_s is not None and left_s <= 0:
        raise DeadlineExceeded("had passed before the work began", "deadline", "allow more time")
    gate: Gate | None = getattr(servicer, "gate", None)
    if gate is None:
        return nullcontext()
    items = len(getattr(request, "requests", ())) or 1
    return gate.enter(rpc, authorization_of(context.invocation_metadata()), items)


def _readable(request: Q) -> Q:
    """Returns the request; raises InvalidInput for bytes that were none. Only a caller who was let in hears of it."""
    if isinstance(request, Malformed):
        raise InvalidInput("the bytes are not the message of this RPC", "request", "make it with this release's proto/")
    return request


async def _all_readable(requests: AsyncIterator[Q]) -> AsyncIterator[Q]:
    async for request in requests:
        yield _readable(request)


def refuse_unless_cancelled(error: BaseException, context: Context) -> str:
    """Refuses, but raises again what is the cancellation of the call itself: its caller left."""
    task = asyncio.current_task()
    if not isinstance(error, Exception) and task is not None and task.cancelling():
        raise error
    return refuse(error, context)


def refuse(error: BaseException, context: Context) -> str:
    """Puts an error on the context as its status; returns the name of the code."""
    known = as_known(error)
    status = to_status(known)
    context.set_code(grpc_code(known))
    context.set_details(status.message)
    details = (DETAILS_KEY, status.SerializeToString())
    context.set_trailing_metadata([*(context.trailing_metadata() or ()), details])
    return known.code


def as_known(error: Any) -> EarwitnessError:
    """Returns the error itself if it is one of ours, else logs it and returns a failure that names the log entry."""
    if isinstance(error, EarwitnessError):
        return error
    request_id = calls.current().request_id or uuid.uuid4().hex
    log.error("request %s failed", request_id, exc_info=error)
    return EngineFailure("internal error", remedy=f"the server's log has the cause under request {request_id}")
