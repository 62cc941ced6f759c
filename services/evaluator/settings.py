"""The three settings: how an item becomes a question to a service, and the service's words an answer.

A setting prepares an item (which may cost a caption), says what the answer depends on, and asks. It knows no ledger
keys, no scores and no retries.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from earwitness import audio
from earwitness.clients import LalmClient, LlmClient, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import Generation, Sampling
from services.evaluator.items import Answer, Item, Setting
from services.evaluator.prompts import PromptTemplate

Captions = Callable[[audio.Clip], Awaitable[str]]
"""Gives the caption of a clip, from the ledger or from a captioner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """An item, ready to be asked."""

    turns: tuple[Turn, ...]
    audio_sha256: str = ""
    caption: str = ""
    clip: bytes = b""
    """The clip as FLAC, in the audio setting."""


class Asker(Protocol):
    """One setting with the services that it needs."""

    @property
    def setting(self) -> Setting:
        """Which of the three it is."""
        ...

    @property
    def identity(self) -> Identity:
        """Which model answers."""
        ...

    async def prepare(self, item: Item) -> Question:
        """Makes the question of an item; raises for an item that cannot be asked."""
        ...

    async def ask(self, question: Question) -> Answer:
        """Asks it once."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TextAsker:
    """question -> LLM."""

    client: LlmClient
    identity: Identity
    template: PromptTemplate
    sampling: Sampling
    setting: Setting = "text"

    async def prepare(self, item: Item) -> Question:
        """See Asker."""
        return Question(turns=self.template.render(item, "text"))

    async def ask(self, question: Question) -> Answer:
        """See Asker."""
        return _answer(await self.client.generate(question.turns, self.sampling))


@dataclass(frozen=True, kw_only=True, slots=True)
class CascadeAsker:
    """audio -> captioner -> caption and question -> LLM."""

    client: LlmClient
    identity: Identity
    captions: Captions
    template: PromptTemplate
    sampling: Sampling
    setting: Setting = "cascade"

    async def prepare(self, item: Item) -> Question:
        """See Asker."""
        clip = await _clip(item)
        caption = await self.captions(clip)
        turns = self.template.render(item, "cascade", caption)
        return Question(turns=turns, audio_sha256=clip.sha256, caption=caption)

    async def ask(self, question: Question) -> Answer:
        """See Asker."""
        return _answer(await self.client.generate(question.turns, self.sampling))


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioAsker:
    """audio and question -> LALM made from that LLM."""

    client: LalmClient
    identity: Identity
    template: PromptTemplate
    sampling: Sampling
    setting: Setting = "audio"

    async def prepare(self, item: Item) -> Question:
        """See Asker."""
        clip = await _clip(item)
        flac = await asyncio.to_thread(audio.encode_flac, clip)
        return Question(turns=self.template.render(item, "audio"), audio_sha256=clip.sha256, clip=flac)

    async def ask(self, question: Question) -> Answer:
        """See Asker."""
        *before, last = question.turns
        turns = [*[SpokenTurn(turn=turn) for turn in before], SpokenTurn(turn=last, clips=(question.clip,))]
        return _answer((await self.client.listen(turns, self.sampling)).generation)


async def _clip(item: Item) -> audio.Clip:
    """Reads and decodes an item's clip, off the event loop."""
    if item.audio is None:
        raise InvalidInput("the item has no clip", item.id, "ask it in the text setting")
    return await asyncio.to_thread(audio.read, item.audio)


def _answer(generation: Generation) -> Answer:
    return Answer(
        text=generation.text,
        finish_reason=generation.finish_reason,
        prompt_tokens=generation.prompt_tokens,
        completion_tokens=generation.completion_tokens,
    )
