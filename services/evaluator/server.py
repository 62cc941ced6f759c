"""The evaluator as a server: gRPC with health and reflection, metrics over HTTP, and an end that loses nothing."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer  # pyright: ignore[reportPrivateUsage] (public as `health.aio`, untyped)
from grpc_reflection.v1alpha import reflection

from earwitness.errors import InvalidInput, NotReady
from earwitness.v1 import evaluator_pb2_grpc
from services.evaluator.config import EvaluatorConfig
from services.evaluator.ledger import Ledger
from services.evaluator.metrics import Metrics
from services.evaluator.registry import Registry
from services.evaluator.servicer import EvaluatorServicer

if TYPE_CHECKING:
    from aiohttp import web

MAX_REQUEST_BYTES = 1 << 20
"""No field of a request is long."""
GOODBYE_S = 2.0
"""For the last messages to watchers."""
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Where a server listens."""

    grpc: int
    metrics: int
    web: int | None = None


@asynccontextmanager
async def serving(
    config: EvaluatorConfig, *, host: str = "127.0.0.1", port: int = 0, metrics_port: int = 0
) -> AsyncGenerator[Ports]:
    """Serves for as long as the block lasts, on free ports for 0; then drains: runs are left to be gone on with.

    Raises NotReady where a port is taken, InvalidInput for a folder or a ledger that cannot be opened.
    """
    async with AsyncExitStack() as stack:
        ledger = await asyncio.to_thread(_open, config)
        stack.push_async_callback(asyncio.to_thread, ledger.close)
        metrics = Metrics()
        registry = Registry(config, ledger, metrics)
        checks = HealthServicer()
        server, bound = await _start(EvaluatorServicer(registry, config.max_watchers), checks, f"{host}:{port}")
        stack.push_async_callback(server.stop, GOODBYE_S)
        scraped = await _expose(metrics, host, metrics_port, stack)
        registry.start()
        stack.push_async_callback(registry.drain)
        for name in ("", EvaluatorServicer.service):
            await checks.set(name, SERVING)
            stack.push_async_callback(checks.set, name, NOT_SERVING)
        shown = None if config.web_port is None else await _show(config, config.web_port, registry, host, stack)
        yield Ports(grpc=bound, metrics=scraped, web=shown)


def _open(config: EvaluatorConfig) -> Ledger:
    try:
        config.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{config.out} cannot be made a folder: {error.strerror}", "out") from None
    return Ledger(config.ledger_url)


async def _start(servicer: EvaluatorServicer, checks: HealthServicer, address: str) -> tuple[grpc.aio.Server, int]:
    options = [
        ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
        ("grpc.so_reuseport", 0),  # else a second server on the port would take half of the calls, silently
    ]
    server = grpc.aio.server(options=options)
    evaluator_pb2_grpc.add_EvaluatorServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection((servicer.service, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError:
        raise NotReady("the port is taken, or the address is not this machine's", address) from None
    await server.start()
    return server, bound


async def _show(config: EvaluatorConfig, port: int, registry: Registry, host: str, stack: AsyncExitStack) -> int:
    """Serves the pages until the stack is left; returns the port."""
    from services.evaluator.web import app
    from services.evaluator.web.config import WebConfig
    from services.evaluator.web.opening import opened

    pages = WebConfig(
        results=(config.out,),
        token_file=config.web_token_file,
        annotations=config.web_annotations,
        train=config.web_train,
    )
    site, guard = await stack.enter_async_context(opened(pages, registry=registry))
    return await stack.enter_async_context(app.serving(site, guard, host=host, port=port))


async def _expose(metrics: Metrics, host: str, port: int, stack: AsyncExitStack) -> int:
    """Serves the metrics at `/metrics` until the stack is left; returns the port."""
    from aiohttp import web
    from prometheus_client.exposition import choose_encoder

    async def scrape(request: "web.Request") -> "web.Response":
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(metrics.registry), headers={"Content-Type": kind})

    application = web.Application()
    application.router.add_get("/metrics", scrape)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        raise NotReady("the port is taken, or the address is not this machine's", f"{host}:{port}") from None
    return runner.addresses[0][1]
