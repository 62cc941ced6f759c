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
    from collections.abc import Callable

    from aiohttp.web import AppRunner

    from earwitness.tls import ServerTls

SERVICES = ("captioner", "llm", "lalm")
GRACE_S = 5.0
"""For calls under way when the server ends."""


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("serve", help="serve a captioner, an LLM or an LALM over gRPC")
    command.add_argument("name", nargs="?", choices=SERVICES)
    command.add_argument("--system", default="", metavar="NAME", help="serve a system of `earwitness models`")
    command.add_argument("--config", type=Path, metavar="FILE", help="YAML with the service's settings")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as model=ID"
    )
    command.add_argument("--dry-run", action="store_true", help="check the settings and say what would be served")
    command.add_argument("--ray", action="store_true", help="serve on Ray Serve in HAProxy mode")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=9000, help="of gRPC; 0 takes a free one (default: %(default)s)")
    command.add_argument(
        "--http-port",
        type=int,
        help="of the LLM's OpenAI-compatible HTTP; 0 takes a free one (default: none; on Ray 8000)",
    )
    command.add_argument("--metrics-port", type=int, help="of metrics for Prometheus; 0 takes a free one")
    command.add_argument("--log-format", choices=("json", "text"), help="of the log, a line per call (default: text)")
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
    from services.cli import launch

    chosen = launch.choose(options.name, options.system, options.set)
    options.name = chosen.service
    config = settings(options.name, options.config, chosen.changes)
    for line in (*chosen.before, *chosen.lines) if options.dry_run else chosen.lines:
        print(line, flush=True)
    tls = _tls(options)
    if options.http_port is not None and options.name != "llm" and not options.ray:
        raise InvalidInput(f"the {options.name} speaks gRPC alone", "--http-port", "leave it out")
    if options.dry_run:
        return
    launch.require_made(chosen)
    if options.callers:
        read_callers(options.callers)  # which fails before a model is loaded
        os.environ[CALLERS] = str(options.callers.absolute())  # a replica of Ray Serve has no other way to hear of it
    ports.require_free(options.host, options.port, "--port")
    if options.http_port is not None:
        ports.require_free(options.host, options.http_port, "--http-port")
    _observe(options)
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


def _observe(options: argparse.Namespace) -> None:
    """Sets up the log; raises InvalidInput for metrics that Ray is to serve, and NotReady where their port is taken."""
    from earwitness import logs, ports

    if options.log_format:
        os.environ[logs.FORMAT] = options.log_format  # as with the callers
    if options.ray:
        if options.metrics_port is not None:
            raise InvalidInput("Ray serves the metrics of its replicas itself", "--metrics-port", "leave it out")
        return
    logs.configure(logs.wanted() or "text")
    if options.metrics_port:
        ports.require_free(options.host, options.metrics_port, "--metrics-port")


async def _serve_plainly(options: argparse.Namespace, config: Any, tls: "ServerTls | None") -> None:
    from earwitness import server

    servicer = servicer_of(options.name)(config)
    running, port = await server.start(
        servicer, host=options.host, port=options.port, tls=tls, reflection=options.reflection
    )
    http = await _start_http(servicer, options, tls) if options.http_port is not None else None
    page = _show_metrics(servicer, options) if options.metrics_port is not None else None
    await servicer.warm_up()
    print(f"{options.name} serves {servicer.identity.model} on {options.host}:{port}", flush=True)
    if http:
        scheme, http_port = "https" if tls else "http", http.addresses[0][1]
        print(f"and speaks OpenAI's HTTP at {scheme}://{options.host}:{http_port}/v1", flush=True)
    if page:
        print(f"and shows its metrics at http://{options.host}:{page[0]}/metrics", flush=True)
    await _until_told()
    if page:
        page[1]()
    await asyncio.gather(running.stop(GRACE_S), *([http.cleanup()] if http else []))
    servicer.engine.stop()


def _show_metrics(servicer: Any, options: argparse.Namespace) -> "tuple[int, Callable[[], None]]":
    """Returns the port of the metrics, and what ends their server."""
    from earwitness.metrics import prometheus

    return prometheus.serve(servicer.metrics, options.host, options.metrics_port)


async def _start_http(servicer: Any, options: argparse.Namespace, tls: "ServerTls | None") -> "AppRunner":
    from services.llm.openai_http import mounts

    context = tls.context() if tls else None
    runner, _ = await mounts.start(servicer.http, host=options.host, port=options.http_port, tls=context)
    return runner


def _serve_on_ray(options: argparse.Namespace, config: Any) -> None:
    from earwitness.cluster import Cluster, ClusterConfig

    chosen = {"http_port": options.http_port} if options.http_port is not None else {}
    with Cluster(ClusterConfig(host=options.host, grpc_port=options.port, **chosen)) as cluster:
        cluster.start(servicer_of(options.name).registrars, reflection=options.reflection)
        cluster.deploy({options.name: application_of(options.name, config)})
        print(f"{options.name} serves on {cluster.config.address}, application {options.name}", flush=True)
        asyncio.run(_until_told())


async def _until_told() -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()
