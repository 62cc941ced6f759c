"""An LLM service that writes down every question that it is asked: the witness of what was paid for, and how often."""

import argparse
import asyncio
import hashlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from earwitness import server
from earwitness.conversation import Turn
from earwitness.sampling import Generation, Sampling
from services.llm.config import LlmConfig
from services.llm.engine import TextEngine, open_engine
from services.llm.servicer import LlmServicer

GREETING = "Hello"
"""What a health check asks."""


class Witness:
    """A text engine that appends the hash of each question to a file, and else is the engine that it is given."""

    def __init__(self, engine: TextEngine, log: Path) -> None:
        self._engine = engine
        self._log = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """Answers."""
        if turns[-1].content != GREETING:
            os.write(self._log, hashlib.sha256(turns[-1].content.encode()).hexdigest().encode() + b"\n")
        return await self._engine.generate(turns, sampling, thinking=thinking)


async def main(options: argparse.Namespace) -> None:
    """Serves until SIGTERM; prints the port. The engine's processes end with it."""
    config = LlmConfig(engine=options.engine, echo_delay_s=options.delay_s)
    servicer = LlmServicer(config, cast(TextEngine, Witness(open_engine(config), options.log)))
    started, port = await server.start(servicer)
    await servicer.warm_up()
    print(port, flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await started.stop(None)
    servicer.engine.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("echo", "vllm"), required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--delay-s", type=float, default=0.01)
    asyncio.run(main(parser.parse_args()))
