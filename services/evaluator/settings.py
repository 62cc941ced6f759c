"""The three settings: how an item becomes a question to a service, and the service's words an answer.

A setting prepares an item (which may cost a caption), says what the answer depends on, and asks. It knows no ledger
keys, no scores and no retries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from earwitness.clients import Heard, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import EngineFailure, InvalidInput
from earwitness.sampling import Generation, Sampling
from services.evaluator.clips import ClipStore, StoredClip
from services.evaluator.items import LETTERS, Answer, Item, Setting
from services.evaluator.plan import Plan
from services.evaluator.prompts import template
from services.evaluator.service import Client, Service, Tried

Captions = Callable[[StoredClip, Item], Awaitable[str]]
"""Gives the caption of a clip for an item, from the ledger or from a captioner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """An item, ready to be asked."""

    turns: tuple[Turn, ...]
    choices: tuple[str, ...]
    audio_sha256: str = ""
    caption: str = ""
    clip: StoredClip | None = None
    """What goes with the question, in the audio setting."""


class LanguageModel(Client, Protocol):
    """What answers in text: the LLM service, or an endpoint."""

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool = False) -> Generation:
        """Answers a conversation."""
        ...

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[tuple[float, int]]:
        """Returns each option's summed log-probability as the answer, and its number of tokens."""
        ...


class AudioLanguageModel(Client, Protocol):
    """What answers about clips: the LALM service, or an endpoint that hears."""

    async def listen(self, turns: Sequence[SpokenTurn], sampling: Sampling, *, thinking: bool = False) -> Heard:
        """Answers a conversation that holds clips."""
        ...


class Asker(Protocol):
    """One setting with the services that it needs."""

    @property
    def setting(self) -> Setting:
        """Which of the three it is."""
        ...

    @property
    def service(self) -> Service[Any]:
        """What answers."""
        ...

    async def prepare(self, item: Item) -> Question:
        """Makes the question of an item; raises for an item that cannot be asked."""
        ...

    async def ask(self, question: Question) -> Tried[Answer]:
        """Asks it, as often as the service's retries allow."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TextAsker:
    """question -> LLM."""

    service: Service[LanguageModel]
    plan: Plan
    setting: Setting = "text"

    async def prepare(self, item: Item) -> Question:
        """See Asker."""
        return Question(turns=template(self.plan.prompt).render(item, "text"), choices=item.choices)

    async def ask(self, question: Question) -> Tried[Answer]:
        """See Asker."""
        return await self.service.call(lambda client: _ask(client, question, self.plan))


@dataclass(frozen=True, kw_only=True, slots=True)
class CascadeAsker:
    """audio -> captioner -> caption and question -> LLM."""

    service: Service[LanguageModel]
    plan: Plan
    clips: ClipStore
    captions: Captions
    setting: Setting = "cascade"

    async def prepare(self, item: Item) -> Question:
        """See Asker."""
        clip = await _clip(self.clips, item)
        caption = await self.captions(clip, item)
        turns = template(self.plan.prompt).render(item, "cascade", caption)
        return Question(turns=turns, choices=item.choices, audio_sha256=clip.sha256, caption=caption)

    async def ask(self, question: Question) -> Tried[Answer]:
        """See Asker."""
        return await self.service.call(lambda client: _ask(client, question, self.plan))


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioAsker:
    """audio and question -> LALM made from that LLM; under the control `blind`, the question alone."""

    service: Service[AudioLanguageModel]
    plan: Plan
    clips: ClipStore
    setting: Setting = "audio"

    async def prepare(self, item: Item) -> Question:
        """See Asker."""
        wording = template(self.plan.prompt)
        if self.plan.control == "blind":
            return Question(turns=wording.render(item, "text"), choices=item.choices)
        clip = await _clip(self.clips, item)
        turns = wording.render(item, "audio")
        return Question(turns=turns, choices=item.choices, audio_sha256=clip.sha256, clip=clip)

    async def ask(self, question: Question) -> Tried[Answer]:
        """See Asker."""
        return await self.service.call(lambda client: self._listen(client, question))

    async def _listen(self, client: AudioLanguageModel, question: Question) -> Answer:
        *before, last = question.turns
        sound = (await asyncio.to_thread(question.clip.read),) if question.clip else ()
        turns = [*[SpokenTurn(turn=turn) for turn in before], SpokenTurn(turn=last, clips=sound)]
        heard = await client.listen(turns, self.plan.sampling, thinking=self.plan.thinking)
        return _answer(heard.generation)


async def _clip(clips: ClipStore, item: Item) -> StoredClip:
    """Finds an item's clip, decoded if need be, off the event loop."""
    if item.audio is None:
        raise InvalidInput("the item has no clip", item.id, "ask it in the text setting")
    return await asyncio.get_running_loop().run_in_executor(clips.threads, clips.find, item.audio)


async def _ask(client: LanguageModel, question: Question, plan: Plan) -> Answer:
    if plan.answering == "generate":
        return _answer(await client.generate(question.turns, plan.sampling, thinking=plan.thinking))
    letters = [f"({LETTERS[index]})" for index in range(len(question.choices))]
    scored = await client.score(question.turns, letters if plan.answering == "letters" else question.choices)
    if len(scored) != len(question.choices):
        raise EngineFailure(f"{len(scored)} scores for {len(question.choices)} options", "choices")
    return _most_probable(question, scored, per_token=plan.answering == "options")


def _most_probable(question: Question, scored: Sequence[tuple[float, int]], *, per_token: bool) -> Answer:
    """Returns the option of the highest log-probability as an answer, the first of equals.

    Texts differ in length, so theirs is taken per token, as lm-evaluation-harness's `acc_norm` does per byte.
    """
    values = tuple(total / tokens if per_token and tokens else total for total, tokens in scored)
    best = max(range(len(values)), key=values.__getitem__)
    text = f"({LETTERS[best]}) {question.choices[best]}"
    return Answer(text=text, finish_reason="stop", option_scores=values)


def _answer(generation: Generation) -> Answer:
    return Answer(
        text=generation.text,
        finish_reason=generation.finish_reason,
        prompt_tokens=generation.prompt_tokens,
        completion_tokens=generation.completion_tokens,
    )
