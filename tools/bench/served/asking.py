"""This side: the served model, asked as the evaluator asks it, by its own service, limit, batches and retries."""

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from earwitness.clients import LalmClient, LlmClient, SpokenTurn
from earwitness.fanout import fan_out
from earwitness.sampling import Sampling
from services.evaluator.run import WORKERS_PER_PLACE
from services.evaluator.service import IN_FLIGHT, Service
from tools.bench.served.questions import Asked
from tools.serving.child import Answer


async def generate(service: Service[LlmClient], asked: Sequence[Asked], sampling: Sampling) -> Answer:
    """Returns how long the answers took, and the answers."""

    async def one(client: LlmClient, each: Asked) -> str:
        return (await client.generate(each.turns, sampling)).text

    return await _timed(service, asked, one)


async def score(service: Service[LlmClient], asked: Sequence[Asked]) -> Answer:
    """Returns how long the scores took, and for every option its log-probability and number of tokens."""

    async def one(client: LlmClient, each: Asked) -> list[tuple[float, int]]:
        return await client.score(each.turns, each.choices)

    return await _timed(service, asked, one)


async def listen(service: Service[LalmClient], asked: Sequence[Asked], sampling: Sampling) -> Answer:
    """Returns how long the answers about clips took, and the answers; clips leave as FLAC."""
    from earwitness import audio

    files = {each.clip: audio.encode_flac(audio.read(each.clip)) for each in asked if each.clip}

    async def one(client: LalmClient, each: Asked) -> str:
        *before, last = each.turns
        spoken = SpokenTurn(turn=last, clips=(files[_clip(each)],))
        heard = await client.listen([*[SpokenTurn(turn=turn) for turn in before], spoken], sampling)
        return heard.generation.text

    return await _timed(service, asked, one)


def _clip(asked: Asked) -> Path:
    assert asked.clip is not None
    return asked.clip


async def _timed(service: Service[Any], asked: Sequence[Asked], one: Callable[[Any, Asked], Awaitable[Any]]) -> Answer:
    results: list[Any] = [None] * len(asked)

    async def work(number: int) -> None:
        results[number] = (await service.call(lambda client: one(client, asked[number]))).value

    started = time.perf_counter()
    await fan_out(range(len(asked)), work, WORKERS_PER_PLACE * IN_FLIGHT)
    return {"seconds": time.perf_counter() - started, "results": results}
