"""What the LLM service needs of an engine, and the echo that load tests use."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from earwitness import __version__
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound
from earwitness.identity import Identity
from earwitness.sampling import Extras, Generation, Sampling
from services.llm.config import LlmConfig

ChoiceScore = tuple[float, int]
"""The summed log-probability of an option, and its number of tokens."""


class TextEngine(Protocol):
    """Continues conversations and texts. All that raises, raises InvalidInput for a prompt that leaves no room."""

    identity: Identity

    async def with_extras(self, extras: Extras) -> "TextEngine":
        """Returns the engine as a call with these extras wants it; its identity is that of the adapter.

        Raises NotFound for an unknown adapter, with the known ones, and InvalidInput for what the engine cannot do.
        """
        ...

    def adapters(self) -> list[str]:
        """Returns the names of the adapters at hand."""
        ...

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """Answers a conversation."""
        ...

    def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """Answers a conversation piece by piece: what is new, and the whole so far."""
        ...

    async def complete(self, text: str | Sequence[int], sampling: Sampling) -> Generation:
        """Continues a text, or token ids, in which special tokens count as such."""
        ...

    def stream_completion(self, text: str | Sequence[int], sampling: Sampling) -> AsyncIterator[tuple[str, Generation]]:
        """Continues a text or token ids piece by piece."""
        ...

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """Scores each option as the whole answer."""
        ...

    def stop(self) -> None:
        """Frees what the engine holds."""
        ...


class EchoTextEngine:
    """Repeats the end of the last turn after a fixed delay: a server of known speed, for load tests."""

    def __init__(self, config: LlmConfig) -> None:
        self._delay_s = config.echo_delay_s
        fingerprint = hashlib.sha256(b"echo").hexdigest()
        self.identity = Identity(
            model="echo",
            fingerprint=fingerprint,
            engine=f"echo {__version__}",
            dtype="",
            context_tokens=0,
            weights=fingerprint,
        )

    async def with_extras(self, extras: Extras) -> TextEngine:
        """See TextEngine. Echoes differ in nothing."""
        if extras.adapter:
            raise NotFound(f"there is no adapter {extras.adapter[:80]!r}", "adapter", "there are none")
        return self

    def adapters(self) -> list[str]:
        """See TextEngine. None."""
        return []

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine. Words count as tokens."""
        await asyncio.sleep(self._delay_s)
        words = turns[-1].content.split()
        answer = words[-sampling.max_tokens :]
        return Generation(
            text=" ".join(answer), finish_reason="stop", prompt_tokens=len(words), completion_tokens=len(answer)
        )

    async def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine. One piece."""
        generation = await self.generate(turns, sampling, thinking=thinking)
        yield generation.text, generation

    async def complete(self, text: str | Sequence[int], sampling: Sampling) -> Generation:
        """See TextEngine. It has no vocabulary to say ids in."""
        if not isinstance(text, str):
            raise InvalidInput("the echo engine knows no token ids", "prompt", "send a text")
        return await self.generate([Turn(role="user", content=text)], sampling, thinking=False)

    async def stream_completion(
        self, text: str | Sequence[int], sampling: Sampling
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine. One piece."""
        generation = await self.complete(text, sampling)
        yield generation.text, generation

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """See TextEngine. The shorter an option, the likelier."""
        await asyncio.sleep(self._delay_s)
        return [(-float(len(choice)), len(choice.split())) for choice in choices]

    def stop(self) -> None:
        """Holds nothing."""


def open_engine(config: LlmConfig) -> TextEngine:
    """Opens the engine that the configuration names."""
    if config.engine == "echo":
        return EchoTextEngine(config)
    if config.engine == "openai":
        from services.llm.openai_engine import OpenAiTextEngine

        return OpenAiTextEngine(config)
    from services.llm.vllm_engine import VllmTextEngine

    return VllmTextEngine(config)
