"""An evaluator server in this process or in another, a benchmark of any size for it, and its client."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from earwitness.evaluator_client import EvaluatorClient
from earwitness.runs import RunSpec, RunState, RunStatus
from services.evaluator.config import EvaluatorConfig
from services.evaluator.server import Ports, serving

DATA = "data"
COMMAND = """
import argparse
from services.evaluator.commands import evaluator
parser = argparse.ArgumentParser()
evaluator.register(parser.add_subparsers())
options = parser.parse_args()
options.execute(options)
"""


def questions(root: Path, count: int, name: str = "questions.jsonl") -> str:
    """Writes a benchmark into the data folder under `root`; returns its path as a spec names it."""
    folder = root / DATA
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "id": f"q{number}",
            "question": f"What sounds like {number}?",
            "choices": ["A dog", "A bell"],
            "answer": "A bell",
            "category": "Sound",
            "subcategory": "Bells",
        }
        for number in range(count)
    ]
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return name


def spec(**changes) -> RunSpec:
    return RunSpec(**{"benchmark": "akb", "setting": "text", "data": "questions.jsonl", **changes})


def config(root: Path, **changes) -> EvaluatorConfig:
    (root / DATA).mkdir(exist_ok=True)
    return EvaluatorConfig(**{"out": root / "out", "data": root / DATA, **changes})


@asynccontextmanager
async def evaluating(root: Path, **changes) -> AsyncIterator[tuple[EvaluatorClient, Ports]]:
    """Serves in this process for as long as the block lasts."""
    async with (
        serving(config(root, **changes)) as ports,
        EvaluatorClient(f"127.0.0.1:{ports.grpc}") as client,
    ):
        yield client, ports


@contextmanager
def process(root: Path, *settings: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """Serves in a process of its own; yields it and its address. It is killed at the end, if it still lives."""
    (root / DATA).mkdir(exist_ok=True)
    changes = [f"out={root / 'out'}", f"data={root / DATA}", *settings]
    command = [sys.executable, "-c", COMMAND, "evaluator", "serve", "--port", "0", "--metrics-port", "0"]
    command += [part for change in changes for part in ("--set", change)]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ, cwd=Path(__file__).parents[3]
    )
    try:
        line = started.stdout.readline()
        yield started, line.split()[4].rstrip(",")
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


async def until(client: EvaluatorClient, id: str, *states: RunState) -> RunStatus:
    """Waits until the run is in one of the states, for half a minute."""
    async with asyncio.timeout(30):
        while (status := await client.get(id)).state not in states:
            await asyncio.sleep(0.05)
    return status


async def ended(client: EvaluatorClient, id: str) -> RunStatus:
    return await until(client, id, *(state for state in RunState if state.is_final))
