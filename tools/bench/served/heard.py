"""The other side of sound: the service's own DeSTA engine, called in its process, with clips decoded before."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from earwitness import audio, eventloop
from earwitness.config import convert
from earwitness.desta.splice import MARK, Message
from earwitness.fanout import fan_out
from earwitness.sampling import Sampling
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, ListenEngine, open_engine
from tools.bench.served.questions import Asked
from tools.serving import child


async def listen(engine: ListenEngine, asked: list[Asked], sampling: Sampling, in_flight: int) -> child.Answer:
    """Asks everything, `in_flight` at a time; what is decoded before is not in the time."""
    clips = {each.clip: audio.read(each.clip) for each in asked if each.clip}
    answers = [""] * len(asked)

    async def one(number: int) -> None:
        each = asked[number]
        *before, last = each.turns
        messages = [Message(role=turn.role, content=turn.content) for turn in before]
        messages.append(Message(role=last.role, content=f"{MARK}\n{last.content}", audios=("clip",)))
        assert each.clip is not None
        generation, _ = await engine.listen(messages, [ClipIn(clip=clips[each.clip])], sampling, thinking=False)
        answers[number] = generation.text

    started = time.perf_counter()
    await fan_out(range(len(asked)), one, in_flight)
    return {"seconds": time.perf_counter() - started, "results": answers}


async def main(config: dict[str, Any]) -> None:
    """Answers until the input ends: `{"asked": [...], "max_tokens": 32, "in_flight": 64}`."""
    engine = open_engine(convert(LalmConfig, config))
    loop = asyncio.get_running_loop()

    def tell(command: child.Answer) -> child.Answer:
        asked = [Asked.from_tree(tree) for tree in command["asked"]]
        work = listen(engine, asked, Sampling(max_tokens=command["max_tokens"]), command["in_flight"])
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    await asyncio.to_thread(child.answer, {}, tell)
    engine.stop()


def checkpoint(folder: Path) -> Path:
    """Writes a DeSTA checkpoint of the embedded models, untrained, and returns its folder."""
    from earwitness import embedded
    from tests.checkpoints import untrained

    return untrained(folder, embedded.prepare("whisper-tiny-en"), embedded.prepare("smollm2-135m-instruct"))


if __name__ == "__main__":
    eventloop.run(main(json.loads(sys.argv[1])))
