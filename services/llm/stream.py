"""Pieces of a growing text, put together until enough time has passed to be worth a message."""

import time
from collections.abc import AsyncIterator

from earwitness.sampling import Generation


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
