"""`earwitness evaluator`: the evaluator as a service, and what can be asked of it."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, get_args

from earwitness.errors import EngineFailure
from services.evaluator.commands import serve
from services.evaluator.items import SETTINGS, Answering, Control

if TYPE_CHECKING:
    from earwitness.evaluator_client import EvaluatorClient
    from earwitness.runs import RunSpec, RunStatus

ADDRESS = f"127.0.0.1:{serve.PORT}"
STATES = ("queued", "running", "cancelling", "interrupted", "done", "failed", "cancelled")
Ask = Callable[["EvaluatorClient", argparse.Namespace], Awaitable[None]]


def register(commands: Any) -> None:
    """Adds the commands."""
    command = commands.add_parser("evaluator", help="serve runs, or create, watch, list and cancel them")
    calls = command.add_subparsers(title="calls", metavar="CALL", required=True)
    serve.register(calls)
    create = calls.add_parser("create", help="create a run, and say its name")
    _add_spec(create)
    watch = calls.add_parser("watch", help="follow a run to its end")
    get = calls.add_parser("get", help="show a run")
    cancel = calls.add_parser("cancel", help="end a run; its answers are kept")
    for each in (watch, get, cancel):
        each.add_argument("id", help="the run's name")
    listing = calls.add_parser("list", help="show runs, the newest first")
    listing.add_argument("--state", choices=STATES)
    listing.add_argument("--limit", type=int, default=20, help="(default: %(default)s)")
    asks: dict[argparse.ArgumentParser, Ask] = {
        create: _create,
        watch: _watch,
        get: _get,
        cancel: _cancel,
        listing: _list,
    }
    for each, ask in asks.items():
        each.add_argument("--address", default=ADDRESS, help="of the evaluator (default: %(default)s)")
        each.add_argument("--json", action="store_true", help="one JSON object for each run, all of it")
        each.set_defaults(execute=execute, ask=ask)


def execute(options: argparse.Namespace) -> None:
    """Asks the evaluator, and prints what it says; raises EngineFailure where a run that is watched fails."""
    asyncio.run(_ask(options))


async def _ask(options: argparse.Namespace) -> None:
    from earwitness.evaluator_client import EvaluatorClient

    async with EvaluatorClient(options.address) as client:
        await options.ask(client, options)


def _add_spec(create: argparse.ArgumentParser) -> None:
    create.add_argument("benchmark")
    create.add_argument("setting", choices=SETTINGS)
    create.add_argument("--id", default="", metavar="NAME", help="the run's name (default: the server chooses)")
    for name in ("data", "overlay"):
        create.add_argument(f"--{name}", default="", metavar="PATH", help="relative to the server's data folder")
    for name in ("llm", "captioner", "lalm"):
        create.add_argument(f"--{name}", default="", metavar="TARGET", help="(default: the server's)")
    create.add_argument("--prompt", default="", metavar="NAME")
    create.add_argument("--caption-prompt", default="", metavar="NAME")
    create.add_argument("--answering", choices=get_args(Answering), default="generate")
    create.add_argument("--control", choices=get_args(Control), default="none")
    create.add_argument("--thinking", action="store_true")
    for name, default in (("rotation", 1), ("sample", 0), ("in-flight", 256), ("max-tokens", 32), ("seed", 0)):
        create.add_argument(f"--{name}", type=int, default=default, metavar="N", help="(default: %(default)s)")
    create.add_argument("--temperature", type=float, default=0.0)


def _spec(options: argparse.Namespace) -> "RunSpec":
    from earwitness.runs import RunSpec
    from earwitness.sampling import Sampling

    sampling = Sampling(max_tokens=options.max_tokens, temperature=options.temperature, seed=options.seed)
    given = {name: getattr(options, name) for name in RunSpec.__dataclass_fields__ if name != "sampling"}
    return RunSpec(**given, sampling=sampling)


async def _create(client: "EvaluatorClient", options: argparse.Namespace) -> None:
    _print(await client.create(_spec(options), options.id), options)


async def _get(client: "EvaluatorClient", options: argparse.Namespace) -> None:
    _print(await client.get(options.id), options)


async def _watch(client: "EvaluatorClient", options: argparse.Namespace) -> None:
    async for run in client.watch(options.id):
        _print(run, options)
        if run.state == "failed":
            raise EngineFailure(run.error, run.id)


async def _cancel(client: "EvaluatorClient", options: argparse.Namespace) -> None:
    _print(await client.cancel(options.id), options)


async def _list(client: "EvaluatorClient", options: argparse.Namespace) -> None:
    from earwitness.runs import RunState

    left, token = options.limit, ""
    state = RunState(options.state) if options.state else None
    while left > 0:
        page = await client.list(min(left, 100), token, state)
        for run in page.runs:
            _print(run, options)
        left, token = left - len(page.runs), page.next_page_token
        if not token:
            return


def _print(run: "RunStatus", options: argparse.Namespace) -> None:
    if options.json:
        from dataclasses import asdict

        print(json.dumps(asdict(run), ensure_ascii=False), flush=True)
        return
    progress, tally = run.progress, run.tally
    parts = [run.id, run.state.value, f"{progress.done}/{progress.total}" if progress.total else ""]
    parts.append(f"{100 * tally.correct / tally.n:.1f} % correct" if tally.n and run.state == "done" else "")
    parts.append(f"{progress.failed} failed" if progress.failed else "")
    if run.state == "running" and progress.eta_seconds is not None:
        parts.append(f"{progress.items_per_second:.1f} items/s, {progress.eta_seconds:.0f} s left")
    parts.append(run.error)
    print("  ".join(part for part in parts if part), flush=True)
