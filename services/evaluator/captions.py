"""Captions out of the ledger: a clip is captioned once for all backbones, benchmarks and runs."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from earwitness.batcher import Batcher
from earwitness.clients import Caption
from services.evaluator.clips import StoredClip
from services.evaluator.items import Item
from services.evaluator.ledger import MINE, CaptionEntry, Claimed, Ledger
from services.evaluator.prompts import PLAIN, CaptionPrompt, caption_prompt
from services.evaluator.service import Client, Service

ROWS_AT_ONCE = 500
POLL_S = 0.25
"""Between two looks whether another evaluator has got a caption."""


class Captioner(Client, Protocol):
    """What describes a clip: the captioner service, or an endpoint that hears."""

    async def caption(self, clip: bytes, prompt: str = "") -> Caption:
        """Describes an encoded clip."""
        ...


@dataclass(kw_only=True, slots=True)
class CaptionStore:
    """Captions of one captioner with one prompt. Call it with a clip and the item that asks about it."""

    service: Service[Captioner]
    ledger: Ledger
    prompt: CaptionPrompt = field(default_factory=lambda: caption_prompt(PLAIN))
    on_asked: Callable[[float, int], None] = lambda audio_s, retries: None
    """Told of each caption that was paid for: the seconds of sound, and how often the call was repeated."""
    asked: int = 0
    """Captions that were paid for: the others were in the ledger."""
    _under_way: dict[str, asyncio.Task[str]] = field(default_factory=dict[str, asyncio.Task[str]])
    _known: Batcher[str, str | Claimed] = field(init=False)
    _record: Batcher[CaptionEntry, None] = field(init=False)

    def __post_init__(self) -> None:
        self._known = Batcher(self.ledger.caption_or_claim, ROWS_AT_ONCE)
        self._record = Batcher(self.ledger.record_captions, ROWS_AT_ONCE)

    async def __call__(self, clip: StoredClip, item: Item) -> str:
        """Returns the clip's caption; items that want the same one share the call. Raises what the captioner raises."""
        words = self.prompt.render(item)
        key = self.key(clip.sha256, words)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._caption(key, clip, words))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _caption(self, key: str, clip: StoredClip, words: str) -> str:
        while isinstance(known := await self._known.submit(key), Claimed):
            if known is MINE:
                return await self._ask(key, clip, words)
            await asyncio.sleep(POLL_S)
        return known

    async def _ask(self, key: str, clip: StoredClip, words: str) -> str:
        started = time.monotonic()
        try:
            sound = await asyncio.to_thread(clip.read)
            tried = await self.service.call(lambda client: client.caption(sound, words))
        except BaseException:
            await asyncio.to_thread(self.ledger.release, [key])
            raise
        self.asked += 1
        self.on_asked(clip.seconds, tried.attempts - 1)
        text, seconds = tried.value.text, time.monotonic() - started
        model = self.service.identity.model
        entry = CaptionEntry(key=key, captioner=model, text=text, audio_s=clip.seconds, seconds=round(seconds, 4))
        await self._record.submit(entry)
        return text

    def key(self, audio_sha256: str, words: str = "") -> str:
        """Returns the ledger's key of a clip's caption."""
        parts = ["caption", audio_sha256, self.service.identity.fingerprint, words]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
