"""Connections to a service: several channels, one deadline, one error vocabulary, one way in.

HAProxy, in front of Ray Serve, lets one channel carry 100 streams at once: a caller with more in flight needs several.
It knows nothing of what is called: `earwitness.clients` does.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import status_pb2

from earwitness.access import Access
from earwitness.errors import (
    DeadlineExceeded,
    EarwitnessError,
    InvalidInput,
    NotReady,
    PermissionDenied,
    Unauthenticated,
)
from earwitness.fanout import Retries, persist
from earwitness.status import DETAILS_KEY, from_status
from earwitness.watched import LOOK_EVERY_S, Watched

MAX_MESSAGE_BYTES = 64 << 20
RECONNECT_MS = 500
"""gRPC's own wait between attempts to connect grows to two minutes, for which a server that is back would be missed."""
RETIRED_S = 600.0
"""The longest that calls under way may hold a connection whose certificates were renewed."""
R = TypeVar("R", bound=Message)
T = TypeVar("T")
Stub = Callable[[grpc.aio.Channel], Any]


class Endpoint:
    """One service at one address. Use it as an async context manager, within one event loop."""

    def __init__(
        self,
        address: str,
        application: str,
        *,
        num_channels: int = 4,
        access: Access | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Connects lazily to `host:port`. `application` is the Serve application that answers there.

        `access` is how to get in, None for what the environment says. With `retries`, a call that may succeed later
        is tried again within its time; without, the caller decides. Raises what `access` raises.
        """
        access = access or Access.from_environment()
        self.address = address
        self._application = application
        self._bearer = access.bearer()
        self._metadata, self._token = grpc.aio.Metadata(("application", application)), ""
        self._retries = retries
        self._options: list[tuple[str, int | str]] = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share one connection
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
        ]
        if access.server_name:
            self._options.append(("grpc.ssl_target_name_override", access.server_name))
        files = [file for file in (access.ca, access.cert, access.key) if file]
        self._tls = Watched(files, access.credentials, every_s=LOOK_EVERY_S)
        self._credentials = self._tls.value()
        self._channels = self._opened(num_channels)
        self._retired: dict[grpc.aio.Channel, asyncio.Task[None]] = {}
        """Channels with certificates that are no longer in force, and what closes each after its last call."""
        self._methods: dict[tuple[object, str], Iterator[Callable[..., Any]]] = {}
        """Every method that was called, on every channel in turn: a stub takes longer to make than a call."""
        self._closed = False

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every channel; calls in flight are cancelled."""
        self._closed = True
        for closing in self._retired.values():
            closing.cancel()
        for channel in (*self._channels, *self._retired):
            await channel.close()

    async def call(self, stub: Stub, method: str, request: Message, answer: type[R], timeout_s: float) -> R:
        """Calls a unary method within `timeout_s`; raises the EarwitnessError that the service meant.

        Raises NotReady once it is closed.
        """

        async def attempt(left_s: float) -> R:
            try:
                return cast(R, await self._begun(stub, method, request, left_s))
            except grpc.aio.AioRpcError as error:
                raise error_of(error, self.address) from None

        return await self._persist(attempt, timeout_s)

    async def stream(
        self, stub: Stub, method: str, request: Message, answer: type[R], timeout_s: float
    ) -> AsyncGenerator[R]:
        """Calls a method that streams its answer, and yields the messages; closing the generator cancels the call.

        Raises as `call` does. Nothing is tried again once a message has come.
        """

        async def attempt(left_s: float) -> tuple[Any, Any, R | None]:
            call = self._begun(stub, method, request, left_s)
            messages = aiter(call)
            try:
                return call, messages, await anext(messages, None)
            except grpc.aio.AioRpcError as error:
                raise error_of(error, self.address) from None

        call, messages, first = await self._persist(attempt, timeout_s)
        try:
            if first is not None:
                yield first
            async for message in messages:
                yield message
        except grpc.aio.AioRpcError as error:
            raise error_of(error, self.address) from None
        finally:
            call.cancel()

    async def _persist(self, attempt: Callable[[float], Awaitable[T]], timeout_s: float) -> T:
        """Attempts, each time with the seconds that are left, as often as the retries allow."""
        if self._retries is None:
            return await attempt(timeout_s)
        until = time.monotonic() + timeout_s
        attempts = 0

        async def again() -> T:
            nonlocal attempts
            attempts += 1
            return await attempt(max(until - time.monotonic(), 0.001))

        try:
            async with asyncio.timeout(timeout_s):
                return await persist(again, self._retries)
        except TimeoutError:
            raise DeadlineExceeded(f"no answer in {timeout_s:g} s and {attempts} attempts", self.address) from None

    def _begun(self, stub: Stub, method: str, request: Message, timeout_s: float) -> Any:
        """Begins a call on the next channel."""
        if self._closed:  # grpc aborts the process at a call on a channel that is about to close
            raise NotReady("the connection is closed", self.address)
        self._renew()
        invokes = self._methods.get((stub, method))
        if invokes is None:
            invokes = itertools.cycle([getattr(stub(channel), method) for channel in self._channels])
            self._methods[stub, method] = invokes
        return next(invokes)(request, metadata=self.metadata(), timeout=timeout_s)

    def _opened(self, num_channels: int) -> list[grpc.aio.Channel]:
        return [
            grpc.aio.secure_channel(self.address, self._credentials, self._options)
            if self._credentials
            else grpc.aio.insecure_channel(self.address, self._options)
            for _ in range(num_channels)
        ]

    def _renew(self) -> None:
        """Opens new channels once certificates have changed: gRPC lets a channel keep its own for life."""
        given = self._tls.value()
        if given is self._credentials:
            return
        old, self._credentials = self._channels, given
        self._channels = self._opened(len(old))
        self._methods.clear()
        for channel in old:
            closing = self._retired[channel] = asyncio.create_task(channel.close(RETIRED_S))
            closing.add_done_callback(lambda _, channel=channel: self._retired.pop(channel, None))

    def metadata(self) -> grpc.aio.Metadata:
        """Returns what goes with every call: the application, and the token of now."""
        token = self._bearer.token()
        if token != self._token:
            self._token = token
            bearer = [("authorization", f"Bearer {token}")] if token else []
            self._metadata = grpc.aio.Metadata(("application", self._application), *bearer)
        return self._metadata


def error_of(error: grpc.aio.AioRpcError, address: str) -> EarwitnessError:
    """Reads the rich status that came with a failed call, or makes the nearest error of a plain one."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            return from_status(status_pb2.Status.FromString(cast(bytes, value)))
    code, details = cast(tuple[int, str], error.code().value)[0], " ".join((error.details() or "no details").split())
    if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        cls = Unauthenticated if error.code() is grpc.StatusCode.UNAUTHENTICATED else PermissionDenied
        return cls(details, address, "check the token: the service does not let this one in, or wants one")
    if "larger than max" in details:  # gRPC says RESOURCE_EXHAUSTED, as if it were worth another try
        return InvalidInput(details, address, f"send at most {MAX_MESSAGE_BYTES >> 20} MiB in one message")
    return type(from_status(status_pb2.Status(code=code)))(details, address)
