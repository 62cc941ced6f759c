"""`earwitness evaluator serve`: runs as a service, over gRPC, with metrics over HTTP."""

import argparse
import asyncio
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.evaluator.config import EvaluatorConfig

PORT, METRICS_PORT = 9001, 9002


def register(calls: Any) -> None:
    """Adds the command to those of the evaluator."""
    serve = calls.add_parser("serve", help="take runs over gRPC, until terminated; what is unfinished goes on later")
    serve.add_argument("--config", type=Path, metavar="FILE", help="YAML with the service's settings")
    serve.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as out=runs")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=PORT, help="of gRPC; 0 takes a free one (default: %(default)s)")
    serve.add_argument("--metrics-port", type=int, default=METRICS_PORT, help="of HTTP (default: %(default)s)")
    serve.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Serves until it is interrupted or terminated."""
    from earwitness import ports
    from earwitness.config import load
    from services.evaluator.config import EvaluatorConfig

    config = load(EvaluatorConfig, options.config, options.set, env_prefix="EARWITNESS_EVALUATOR")
    ports.require_free(options.host, options.port, "--port")
    ports.require_free(options.host, options.metrics_port, "--metrics-port")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(options, config))


async def _serve(options: argparse.Namespace, config: "EvaluatorConfig") -> None:
    from services.evaluator.server import serving

    told, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, told.set)
    opened = serving(config, host=options.host, port=options.port, metrics_port=options.metrics_port)
    async with opened as ports:
        place = f"{options.host}:{ports.grpc}"
        print(f"the evaluator serves on {place}, metrics on http://{options.host}:{ports.metrics}/metrics", flush=True)
        if ports.web is not None:
            print(f"pages on http://{options.host}:{ports.web}", flush=True)
        await told.wait()
        loop.remove_signal_handler(signal.SIGINT)  # once is a wish, twice an order
