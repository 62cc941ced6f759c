"""A model behind an OpenAI-compatible API: the LLM service in front of it, with its limits, admission and tokens."""

from collections.abc import AsyncIterator, Sequence
from typing import Self

from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound
from earwitness.sampling import Extras, Generation, Sampling
from services.llm.config import LlmConfig
from services.llm.engine import ChoiceScore

INSTEAD = "ask the API itself"


class OpenAiTextEngine:
    """See TextEngine. It answers in one piece, scores letters alone, and neither reports log-probabilities nor forces
    JSON: what one API does there, the next does not.
    """

    def __init__(self, config: LlmConfig) -> None:
        """Connects lazily; raises NotFound for an unknown endpoint, and NotReady for one whose key is missing."""
        from earwitness.openai import OpenAiClient

        self._client = OpenAiClient.at(config.model, config.endpoints)
        self.identity = self._client.endpoint.identity()

    async def with_extras(self, extras: Extras) -> Self:
        """See TextEngine."""
        if extras.adapter:
            raise NotFound(f"there is no adapter {extras.adapter[:80]!r}", "adapter", "there are none")
        if extras.top_logprobs is not None:
            raise InvalidInput("the `openai` engine reports no log-probabilities", "top_logprobs", INSTEAD)
        if extras.json_schema:
            raise InvalidInput("the `openai` engine takes no schema", "json_schema", INSTEAD)
        return self

    def adapters(self) -> list[str]:
        """See TextEngine. None."""
        return []

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine."""
        return await self._client.generate(turns, sampling, thinking=thinking)

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
        """See TextEngine. Connections close with the process: there is no event loop here to close them in."""
