"""Captions out of the ledger: a clip is captioned once for all backbones, benchmarks and runs."""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field

from earwitness import audio
from earwitness.batcher import Batcher
from earwitness.clients import CaptionerClient
from earwitness.fanout import Retries, persist
from earwitness.identity import Identity
from services.evaluator.ledger import CaptionEntry, Ledger

ROWS_AT_ONCE = 500


@dataclass(kw_only=True, slots=True)
class CaptionStore:
    """Captions of one captioner with one prompt. Call it with a clip."""

    client: CaptionerClient
    identity: Identity
    ledger: Ledger
    prompt: str = ""
    retries: Retries = field(default_factory=Retries)
    asked: int = 0
    """Clips that the captioner was asked for: the others were in the ledger."""
    _under_way: dict[str, asyncio.Task[str]] = field(default_factory=dict[str, asyncio.Task[str]])
    _known: Batcher[str, str | None] = field(init=False)
    _record: Batcher[CaptionEntry, None] = field(init=False)

    def __post_init__(self) -> None:
        self._known = Batcher(self.ledger.captions, ROWS_AT_ONCE)
        self._record = Batcher(self.ledger.record_captions, ROWS_AT_ONCE)

    async def __call__(self, clip: audio.Clip) -> str:
        """Returns the clip's caption; items that share a clip share the call. Raises what the captioner raises."""
        task = self._under_way.get(clip.sha256)
        if task is None:
            task = self._under_way[clip.sha256] = asyncio.create_task(self._caption(clip))
            task.add_done_callback(lambda _: self._under_way.pop(clip.sha256, None))
        return await asyncio.shield(task)

    async def _caption(self, clip: audio.Clip) -> str:
        key = self.key(clip.sha256)
        known = await self._known.submit(key)
        if known is not None:
            return known
        flac = await asyncio.to_thread(audio.encode_flac, clip)
        caption = await persist(lambda: self.client.caption(flac, self.prompt), self.retries)
        self.asked += 1
        await self._record.submit(CaptionEntry(key=key, captioner=self.identity.model, text=caption.text))
        return caption.text

    def key(self, audio_sha256: str) -> str:
        """Returns the ledger's key of a clip's caption."""
        parts = ["caption", audio_sha256, self.identity.fingerprint, self.prompt]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
