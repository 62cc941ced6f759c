"""The captioner's real engine on a long clip, and health beside it."""

import asyncio
import time
from pathlib import Path

import pytest

from earwitness.clients import CaptionerClient
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from tests import sounds
from tests.serving import serving


@pytest.mark.models
async def test_health_answers_while_a_clip_is_described(whisper_folder: Path) -> None:
    servicer = CaptionerServicer(CaptionerConfig(whisper=str(whisper_folder)))
    clips = [sounds.encode(sounds.join(sounds.voice(120 + hz, 20), sounds.noise(10))) for hz in range(8)]
    async with serving(servicer, CaptionerClient) as client:
        await client.ready(60)
        calls = [asyncio.create_task(client.caption(clip)) for clip in clips]
        waits: list[float] = []
        while not all(call.done() for call in calls):
            start = time.perf_counter()
            await client.ready(5)
            waits.append(time.perf_counter() - start)
            await asyncio.sleep(0.02)
        await asyncio.gather(*calls)
    assert len(waits) > 5
    assert sorted(waits)[int(0.9 * len(waits))] < 0.2  # the rest is the machine's, where others use it
