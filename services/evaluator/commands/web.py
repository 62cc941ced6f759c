"""`earwitness web`: the evaluator's pages in a browser."""

import argparse
import asyncio
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from services.evaluator.web.config import WebConfig

PORT = 8765


def register(commands: Any) -> None:
    """Adds the command."""
    web = commands.add_parser("web", help="leaderboard, items, sweeps, training and verification in a browser")
    web.add_argument(
        "--results", type=Path, nargs="+", default=[Path("results")], metavar="FOLDER", help="(default: results)"
    )
    web.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    web.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    web.add_argument("--ledger", default="", metavar="URL", help="start, stop and follow runs, which this process does")
    web.add_argument("--token-file", type=Path, metavar="FILE", help="a token, or a callers file: who may sign in")
    web.add_argument("--secure", action="store_true", help="browsers come by https, through a proxy")
    web.add_argument("--train", type=Path, nargs="+", default=[], metavar="FOLDER", help="what `train` wrote")
    web.add_argument("--annotations", default="", metavar="FILE|URL", help="the store of `akb verify`")
    web.add_argument("--needed", type=int, default=2, metavar="N", help="people a question (default: %(default)s)")
    web.add_argument(
        "--data", action="append", default=[], metavar="NAME=PATH", help="where a benchmark with clips lies"
    )
    web.add_argument("--data-folder", type=Path, metavar="FOLDER", help="of benchmarks that runs may be started on")
    web.add_argument("--prices", type=Path, metavar="FILE", help="by backbone, in the form of prices.yaml")
    web.add_argument("--gpus", type=float, default=0.0, help="that each backbone is served on (default: unknown)")
    web.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Serves until it is interrupted or terminated."""
    from earwitness import ports
    from services.evaluator.web.config import WebConfig

    config = WebConfig(
        results=tuple(options.results),
        train=tuple(options.train),
        annotations=options.annotations,
        needed=options.needed,
        token_file=options.token_file,
        data=dict(_placed(text) for text in options.data),
        prices=options.prices,
        gpus=options.gpus,
        secure=options.secure,
    )
    ports.require_free(options.host, options.port, "--port")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(options, config))


def _placed(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not (name and path):
        raise InvalidInput(f"{text!r} is no NAME=PATH", "--data", "such as mmau=/data/mmau")
    return name, Path(path)


async def _serve(options: argparse.Namespace, config: "WebConfig") -> None:
    from services.evaluator.config import EvaluatorConfig
    from services.evaluator.web import app
    from services.evaluator.web.opening import opened

    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    runs = None
    if options.ledger:
        runs = EvaluatorConfig(out=config.results[0], ledger=options.ledger, data=options.data_folder)
    async with (
        opened(config, runs) as (site, guard),
        app.serving(site, guard, host=options.host, port=options.port) as port,
    ):
        name = f"[{options.host}]" if ":" in options.host else options.host
        open_to_all = "" if guard.asks_token else ", for everybody who reaches it"
        print(f"the pages are at http://{name}:{port}/{open_to_all}", flush=True)
        await told.wait()
        loop.remove_signal_handler(signal.SIGINT)  # once is a wish, twice an order
