"""A plain grpc.aio server for a model servicer: starts in milliseconds, needs no Ray."""

import importlib
from typing import Any

import grpc
import grpc.aio

from earwitness.channel import MAX_MESSAGE_BYTES
from earwitness.errors import NotReady
from earwitness.servicer import REGISTRARS, ModelServicer


async def start(servicer: ModelServicer, *, host: str = "127.0.0.1", port: int = 0) -> tuple[grpc.aio.Server, int]:
    """Serves on `host:port`, or on a free port for 0; returns the server and its port.

    Raises NotReady where the port is taken.
    """
    options = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.so_reuseport", 0),  # else a second server on the port would take half of the calls, silently
    ]
    server = grpc.aio.server(options=options)
    for registrar in (*servicer.registrars, *REGISTRARS):
        load(registrar)(servicer, server)
    _reflect(servicer, server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        raise NotReady("the port is taken, or the address is not this machine's", f"{host}:{port}") from None
    await server.start()
    return server, bound


def load(path: str) -> Any:
    """Imports `package.module.name`."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _reflect(servicer: ModelServicer, server: grpc.aio.Server) -> None:
    from grpc_health.v1 import health
    from grpc_reflection.v1alpha import reflection

    names = (servicer.service, "earwitness.v1.ModelService", health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
