"""Growing texts: pieces put together until enough time has passed to be worth a message, and several texts as one."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TypeVar

from earwitness.sampling import Generation

T = TypeVar("T")


async def coalesced(
    pieces: AsyncIterator[tuple[str, Generation]], interval_s: float
) -> AsyncIterator[tuple[str, Generation | None]]:
    """Yields what is new at most every `interval_s` seconds, and last of all the rest with the whole text."""
    pending, whole, sent_at = "", None, time.monotonic()
    async for delta, so_far in pieces:
        pending, whole = pending + delta, so_far
        if pending and time.monotonic() - sent_at >= interval_s:
            yield pending, None
            pending, sent_at = "", time.monotonic()
    yield pending, whole


async def merged(streams: Sequence[AsyncGenerator[T]]) -> AsyncGenerator[T]:
    """Yields what several streams yield, as it comes. What one raises ends them all, and so does closing this one."""
    upcoming = {asyncio.ensure_future(anext(stream)): stream for stream in streams}
    try:
        while upcoming:
            done, _ = await asyncio.wait(upcoming, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                stream = upcoming.pop(task)
                try:
                    item = task.result()
                except StopAsyncIteration:
                    continue
                yield item
                upcoming[asyncio.ensure_future(anext(stream))] = stream
    finally:
        for task in upcoming:
            task.cancel()
        await asyncio.gather(*upcoming, return_exceptions=True)
        for stream in streams:
            await stream.aclose()
