"""Connections to a service: several channels, one deadline and one error vocabulary.

HAProxy, in front of Ray Serve, lets one channel carry 100 streams at once: a caller with more in flight needs several.
It knows nothing of what is called: `earwitness.clients` does.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import status_pb2

from earwitness.errors import EarwitnessError, InvalidInput, NotReady
from earwitness.status import DETAILS_KEY, from_status

MAX_MESSAGE_BYTES = 64 << 20
RECONNECT_MS = 500
"""gRPC's own wait between attempts to connect grows to two minutes, for which a server that is back would be missed."""
R = TypeVar("R", bound=Message)


class Endpoint:
    """One service at one address. Use it as an async context manager, within one event loop."""

    def __init__(self, address: str, application: str, *, num_channels: int = 4) -> None:
        """Connects lazily to `host:port`. `application` is the Serve application that answers there."""
        self.address = address
        self._metadata = grpc.aio.Metadata(("application", application))
        options = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share one connection
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
        ]
        self._channels = [grpc.aio.insecure_channel(address, options) for _ in range(num_channels)]
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
        for channel in self._channels:
            await channel.close()

    async def call(
        self, stub: Callable[[grpc.aio.Channel], Any], method: str, request: Message, answer: type[R], timeout_s: float
    ) -> R:
        """Calls a unary method on the next channel; raises the EarwitnessError that the service meant.

        Raises NotReady once it is closed.
        """
        if self._closed:  # grpc aborts the process at a call on a channel that is about to close
            raise NotReady("the connection is closed", self.address)
        invokes = self._methods.get((stub, method))
        if invokes is None:
            invokes = itertools.cycle([getattr(stub(channel), method) for channel in self._channels])
            self._methods[stub, method] = invokes
        try:
            return cast(R, await next(invokes)(request, metadata=self._metadata, timeout=timeout_s))
        except grpc.aio.AioRpcError as error:
            raise error_of(error, self.address) from None


def error_of(error: grpc.aio.AioRpcError, address: str) -> EarwitnessError:
    """Reads the rich status that came with a failed call, or makes the nearest error of a plain one."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            return from_status(status_pb2.Status.FromString(cast(bytes, value)))
    code, details = cast(tuple[int, str], error.code().value)[0], " ".join((error.details() or "no details").split())
    if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return NotReady(details, address, "check the token: the service does not let this one in, or wants one")
    if "larger than max" in details:  # gRPC says RESOURCE_EXHAUSTED, as if it were worth another try
        return InvalidInput(details, address, f"send at most {MAX_MESSAGE_BYTES >> 20} MiB in one message")
    return type(from_status(status_pb2.Status(code=code)))(details, address)
