"""`earwitness serve`: model services, on Ray Serve or on a plain gRPC server."""

import argparse
import asyncio
import importlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.config import load, to_tree
from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from earwitness.tls import ServerTls

SERVICES = ("captioner", "llm", "lalm")


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("serve", help="serve a captioner, an LLM or an LALM over gRPC")
    command.add_argument("name", choices=SERVICES)
    command.add_argument("--config", type=Path, metavar="FILE", help="YAML with the service's settings")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as model=ID"
    )
    command.add_argument("--ray", action="store_true", help="serve on Ray Serve in HAProxy mode")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=9000, help="of gRPC; 0 takes a free one (default: %(default)s)")
    guard = command.add_argument_group("who gets in", "Without any of it, everybody does. See docs/serving.md.")
    guard.add_argument("--tls-cert", type=Path, metavar="FILE", help="the server's certificate chain, PEM")
    guard.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, without a passphrase")
    guard.add_argument("--tls-client-ca", type=Path, metavar="FILE", help="who signs the clients' certificates")
    guard.add_argument("--callers", type=Path, metavar="FILE", help="YAML with callers, their tokens and quotas")
    guard.add_argument(
        "--reflection", action=argparse.BooleanOptionalAction, default=True, help="describe the RPCs to callers"
    )
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Serves until it is interrupted or terminated."""
    from earwitness import ports
    from earwitness.callers import read_callers
    from earwitness.gate import CALLERS

    config = settings(options.name, options.config, options.set)
    tls = _tls(options)
    if options.callers:
        read_callers(options.callers)  # which fails before a model is loaded
        os.environ[CALLERS] = str(options.callers.absolute())  # a replica of Ray Serve has no other way to hear of it
    ports.require_free(options.host, options.port, "--port")
    if options.ray:
        _serve_on_ray(options, config)
    else:
        asyncio.run(_serve_plainly(options, config, tls))


def settings(name: str, file: Path | None, changes: list[str]) -> Any:
    """Returns a service's configuration from its defaults, a file, `EARWITNESS_<NAME>_...` and `key=value` changes."""
    module = importlib.import_module(f"services.{name}.config")
    cls = getattr(module, f"{name.capitalize()}Config")
    return load(cls, file, changes, env_prefix=f"EARWITNESS_{name.upper()}")


def servicer_of(name: str) -> Any:
    """Returns a service's servicer class."""
    return getattr(importlib.import_module(f"services.{name}.servicer"), f"{name.capitalize()}Servicer")


def application_of(name: str, config: Any) -> Any:
    """Returns a service's Ray Serve application."""
    return importlib.import_module(f"services.{name}.app").build(to_tree(config))


def _tls(options: argparse.Namespace) -> "ServerTls | None":
    """Reads the TLS options; raises InvalidInput where they are not whole, or Ray Serve is to keep them."""
    from earwitness.tls import ServerTls

    cert, key, client_ca = options.tls_cert, options.tls_key, options.tls_client_ca
    if not (cert or key or client_ca):
        return None
    if options.ray:
        raise InvalidInput("Ray Serve's ingress speaks no TLS", "--tls-cert", "put a TLS proxy before it")
    if not (cert and key):
        raise InvalidInput("TLS needs a certificate and its key", "--tls-cert", "give --tls-cert and --tls-key")
    tls = ServerTls(cert=cert, key=key, client_ca=client_ca)
    tls.credentials()  # which fails before a model is loaded
    return tls


async def _serve_plainly(options: argparse.Namespace, config: Any, tls: "ServerTls | None") -> None:
    from earwitness import server

    servicer = servicer_of(options.name)(config)
    running, port = await server.start(
        servicer, host=options.host, port=options.port, tls=tls, reflection=options.reflection
    )
    await servicer.warm_up()
    print(f"{options.name} serves {servicer.identity.model} on {options.host}:{port}", flush=True)
    await _until_told()
    await running.stop(grace=5)
    if hasattr(servicer.engine, "stop"):
        servicer.engine.stop()


def _serve_on_ray(options: argparse.Namespace, config: Any) -> None:
    from earwitness.cluster import Cluster, ClusterConfig

    with Cluster(ClusterConfig(host=options.host, grpc_port=options.port)) as cluster:
        cluster.start(servicer_of(options.name).registrars, reflection=options.reflection)
        cluster.deploy({options.name: application_of(options.name, config)})
        print(f"{options.name} serves on {cluster.config.address}, application {options.name}", flush=True)
        asyncio.run(_until_told())


async def _until_told() -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()
