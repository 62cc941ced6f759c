"""The services under trial: all three on plain servers of one process, behind one token, and the HTTP endpoints too.

    python -m tools.fuzz.served CALLERS_FILE FOLDER

The LLM is the echo, the captioner the acoustic one, and the LALM says how long its clips last: none of them can fail,
and so none of their answers may be INTERNAL.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from earwitness import eventloop, server
from earwitness.desta.splice import Message
from earwitness.gate import CALLERS
from earwitness.identity import Identity
from earwitness.media import Sources
from earwitness.sampling import Generation, Sampling
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from services.lalm.config import LalmConfig
from services.lalm.engine import ChoiceScore, ClipIn
from services.lalm.servicer import LalmServicer
from services.llm.config import LlmConfig
from services.llm.openai_http import mounts
from services.llm.servicer import LlmServicer
from tools.serving import child


class Lengths:
    """A ListenEngine that says how long its clips last."""

    def __init__(self) -> None:
        digest = hashlib.sha256(b"lengths").hexdigest()
        self.identity = Identity(
            model="lengths", fingerprint=digest, engine="lengths", dtype="", context_tokens=0, weights=digest
        )

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """See ListenEngine."""
        text = ", ".join(f"{clip.clip.seconds:g} s" for clip in clips)
        generation = Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)
        return generation, [clip.transcript or "" for clip in clips]

    async def score(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], choices: Sequence[str]
    ) -> tuple[list[ChoiceScore], list[str]]:
        """See ListenEngine. The shorter an option, the likelier."""
        return [(-float(len(choice)), len(choice)) for choice in choices], [clip.transcript or "" for clip in clips]

    def stop(self) -> None:
        """Holds nothing."""


async def main(callers: Path, folder: Path) -> None:
    """Serves until the input ends; says where."""
    os.environ[CALLERS] = str(callers)
    sources = Sources(folders=(folder,), hosts=("localhost", "*.example"), timeout_s=2.0)
    llm = LlmServicer(LlmConfig(engine="echo"))
    servicers = {
        "llm": llm,
        "captioner": CaptionerServicer(CaptionerConfig(sources=sources)),
        "lalm": LalmServicer(LalmConfig(engine="vllm", model="lengths", sources=sources), Lengths()),
    }
    ready: child.Answer = {}
    running = [await server.start(servicer) for servicer in servicers.values()]
    for (name, servicer), (_, port) in zip(servicers.items(), running, strict=True):
        await servicer.warm_up()
        ready[name] = f"127.0.0.1:{port}"
    runner, port = await mounts.start(llm.http)
    ready["http"] = f"127.0.0.1:{port}"
    await asyncio.to_thread(child.answer, ready, lambda command: command)
    await runner.cleanup()
    for started, _ in running:
        await started.stop(None)


if __name__ == "__main__":
    eventloop.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
