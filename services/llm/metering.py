"""A text engine whose answers' tokens are counted, for whoever calls: over gRPC and HTTP, whole and in pieces."""

from collections.abc import AsyncIterator, Sequence

from earwitness.conversation import Turn
from earwitness.metrics import Metrics
from earwitness.sampling import Extras, Generation, Sampling
from services.llm.engine import ChoiceScore, TextEngine


class Metered:
    """See TextEngine. It does what the engine within does."""

    def __init__(self, engine: TextEngine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self.identity = engine.identity

    async def with_extras(self, extras: Extras) -> TextEngine:
        """See TextEngine."""
        return Metered(await self._engine.with_extras(extras), self._metrics)

    def adapters(self) -> list[str]:
        """See TextEngine."""
        return self._engine.adapters()

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine."""
        return self._counted(await self._engine.generate(turns, sampling, thinking=thinking))

    def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine."""
        return self._counted_at_the_end(self._engine.stream(turns, sampling, thinking=thinking))

    async def complete(self, text: str | Sequence[int], sampling: Sampling) -> Generation:
        """See TextEngine."""
        return self._counted(await self._engine.complete(text, sampling))

    def stream_completion(self, text: str | Sequence[int], sampling: Sampling) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine."""
        return self._counted_at_the_end(self._engine.stream_completion(text, sampling))

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """See TextEngine."""
        return await self._engine.score(turns, choices)

    def stop(self) -> None:
        """See TextEngine."""
        self._engine.stop()

    def _counted(self, generation: Generation) -> Generation:
        self._metrics.generated(generation.prompt_tokens, generation.completion_tokens)
        return generation

    async def _counted_at_the_end(
        self, pieces: AsyncIterator[tuple[str, Generation]]
    ) -> AsyncIterator[tuple[str, Generation]]:
        """Counts what was said, though its reader leaves before the end."""
        last: Generation | None = None
        try:
            async for delta, last in pieces:
                yield delta, last
        finally:
            if last is not None:
                self._counted(last)
