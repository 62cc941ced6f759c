"""A leg: what one start of a run has done, written down while it goes on: a killed run loses no figures."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Self

from services.evaluator.items import Answer
from services.evaluator.ledger import Ledger, Leg
from services.evaluator.result import Usage

NOTE_S = 2.0
"""Between two notes: what a kill can take of the figures."""


class LegKeeper:
    """Counts, and writes the counts down every `NOTE_S` and at the end. Use it as an async context manager."""

    def __init__(self, ledger: Ledger, run: str, prefix: Callable[[], int] = lambda: 0) -> None:
        """`run` is the name of the run's answers file; `prefix` says how many items, from the first on, are settled."""
        self._prefix = prefix
        self._ledger = ledger
        self._run = run
        self._id = uuid.uuid4().hex
        self._started = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self.asked = self.retries = self.failed = self.captions = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.audio_s = 0.0

    async def __aenter__(self) -> Self:
        self._started = time.monotonic()
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._ledger.note_leg, self._leg())

    def answered(self, answer: Answer, retries: int, audio_s: float) -> None:
        """Counts an answer that was paid for."""
        self.asked += 1
        self.retries += retries
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        self.audio_s += audio_s

    def captioned(self, audio_s: float, retries: int) -> None:
        """Counts a caption that was paid for."""
        self.captions += 1
        self.retries += retries
        self.audio_s += audio_s

    async def settled(self) -> int:
        """Returns how many items, from the first on, an earlier start of the run had settled."""
        legs = await asyncio.to_thread(self._ledger.legs, self._run)
        return max((leg.prefix for leg in legs), default=0)

    def usage(self, reused: int) -> Usage:
        """Returns the sum over every leg of the run."""
        legs = self._ledger.legs(self._run)
        return Usage(
            answers=self._run,
            wall_s=round(sum(leg.wall_s for leg in legs), 3),
            asked=sum(leg.asked for leg in legs),
            reused=reused,
            retries=sum(leg.retries for leg in legs),
            failed=self.failed,
            prompt_tokens=sum(leg.prompt_tokens for leg in legs),
            completion_tokens=sum(leg.completion_tokens for leg in legs),
            audio_s=round(sum(leg.audio_s for leg in legs), 3),
            captions=sum(leg.captions for leg in legs),
        )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(NOTE_S)
            await asyncio.to_thread(self._ledger.note_leg, self._leg())

    def _leg(self) -> Leg:
        return Leg(
            id=self._id,
            run=self._run,
            wall_s=time.monotonic() - self._started,
            asked=self.asked,
            retries=self.retries,
            failed=self.failed,
            captions=self.captions,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            audio_s=self.audio_s,
            prefix=self._prefix(),
        )
