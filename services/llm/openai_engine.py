"""A model behind an OpenAI-compatible API: the LLM service in front of it, with its limits, admission and tokens."""

from collections.abc import AsyncIterator, Sequence
from copy import copy
from typing import Self

from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound
from earwitness.sampling import PLAIN, Extras, Generation, Sampling
from services.llm.config import LlmConfig
from services.llm.engine import ChoiceScore


class OpenAiTextEngine:
    """See TextEngine. It answers in one piece and scores letters alone.

    What an API does of log-probabilities and JSON, its entry in the catalogue of endpoints says; the rest is refused.
    """

    def __init__(self, config: LlmConfig) -> None:
        """Connects lazily; raises NotFound for an unknown endpoint, and NotReady for one whose key is missing."""
        from earwitness.openai import OpenAiClient

        self._client = OpenAiClient.at(config.model, config.endpoints)
        self._extras = PLAIN
        self.identity = self._client.endpoint.identity()

    async def with_extras(self, extras: Extras) -> Self:
        """See TextEngine."""
        if extras.adapter:
            raise NotFound(f"there is no adapter {extras.adapter[:80]!r}", "adapter", "there are none")
        engine = copy(self)
        engine._extras = extras
        return engine

    def adapters(self) -> list[str]:
        """See TextEngine. None."""
        return []

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine. Raises InvalidInput for extras that the API does not have."""
        return await self._client.generate(turns, sampling, thinking=thinking, extras=self._extras)

    async def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine. One piece."""
        generation = await self.generate(turns, sampling, thinking=thinking)
        yield generation.text, generation

    async def complete(self, text: str | Sequence[int], sampling: Sampling) -> Generation:
        """See TextEngine. The APIs of today continue conversations alone."""
        raise InvalidInput("the `openai` engine continues conversations alone", "prompt", "send a chat completion")

    async def stream_completion(
        self, text: str | Sequence[int], sampling: Sampling
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine."""
        generation = await self.complete(text, sampling)
        yield generation.text, generation

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """See TextEngine. The options are letters; see OpenAiClient.score."""
        return await self._client.score(turns, choices)

    def stop(self) -> None:
        """See TextEngine."""
        self._client.stop()
