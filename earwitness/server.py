"""A plain grpc.aio server for a model servicer: starts in milliseconds, needs no Ray, and speaks TLS."""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from earwitness import calls, edge
from earwitness.channel import MAX_MESSAGE_BYTES
from earwitness.errors import EarwitnessError, NotReady
from earwitness.gate import authorization_of
from earwitness.mount import mounted
from earwitness.servicer import REFLECTION_REGISTRAR, REGISTRARS, ModelServicer
from earwitness.tls import ServerTls

UNKNOWN = "unknown"
"""In metrics, any method that a stranger made up."""


async def start(
    servicer: ModelServicer,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ServerTls | None = None,
    reflection: bool = True,
) -> tuple[grpc.aio.Server, int]:
    """Serves on `host:port`, or on a free port for 0; returns the server and its port.

    Without `tls` it speaks clear text. Raises NotReady where the port is taken, and what `tls` raises.
    """
    options = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.so_reuseport", 0),  # else a second server on the port would take half of the calls, silently
    ]
    doormen = [] if servicer.gate.is_open else [Doorman(servicer)]
    server = grpc.aio.server(options=options, interceptors=doormen)
    for registrar in (*servicer.registrars, *REGISTRARS, *([REFLECTION_REGISTRAR] if reflection else [])):
        load(mounted(registrar))(servicer, server)
    credentials = tls.credentials() if tls else None
    try:
        address = f"{host}:{port}"
        bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError:
        raise NotReady("the port is taken, or the address is not this machine's", f"{host}:{port}") from None
    await server.start()
    return server, bound


class Doorman(grpc.aio.ServerInterceptor):
    """Asks for the token before a message is read: who has none cannot make the server hold 64 MiB.

    The edge asks again, as it must on Ray Serve, which has no interceptors; it alone counts quotas.
    """

    def __init__(self, servicer: ModelServicer) -> None:
        self._servicer = servicer

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Lets gRPC go on, or answers with the refusal."""
        details: Any = handler_call_details
        rpc = details.method.rpartition("/")[2]
        try:
            self._servicer.gate.check(rpc, authorization_of(details.invocation_metadata))
        except EarwitnessError as error:
            return self._refusing(error, rpc if rpc in edge.RPCS else UNKNOWN)
        return await continuation(handler_call_details)

    def _refusing(self, error: EarwitnessError, rpc: str) -> Any:
        """Returns a handler that refuses unread: a stream's, since a unary one's message is read before it runs."""
        refused = calls.current()

        async def refuse(requests: object, context: edge.Context) -> AsyncIterator[bytes]:
            with edge.account_of(self._servicer, rpc, context) as account:
                calls.attribute(refused.caller, refused.priority)
                account.code = edge.refuse(error, context)
            for nothing in ():
                yield nothing

        return grpc.stream_stream_rpc_method_handler(refuse)  # pyright: ignore[reportArgumentType]


def load(path: str) -> Any:
    """Imports `package.module.name`."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)
