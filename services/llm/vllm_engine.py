"""A chat model in vLLM, with its template and its adapters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import copy
from dataclasses import replace
from functools import cache
from typing import Self

from earwitness.conversation import Turn
from earwitness.identity import Identity, identify
from earwitness.sampling import PLAIN, Extras, Generation, Sampling
from services.llm.config import LlmConfig
from services.llm.engine import ChoiceScore

INLINE_CHARS = 8192
"""A longer text is encoded in a thread: the event loop has others to answer meanwhile."""


class VllmTextEngine:
    """See TextEngine."""

    def __init__(self, config: LlmConfig) -> None:
        """Loads the model; raises what resolving it and vLLM raise, and NotFound and InvalidInput for an adapter."""
        from earwitness.chat import ChatTemplate
        from earwitness.engines.adapters import Adapter, Adapters
        from earwitness.engines.vllm import VllmEngine
        from earwitness.models import ModelRef, resolve

        ref = ModelRef.parse(config.model, trust_remote_code=config.trust_remote_code)
        folder = resolve(ref, hub_token_file=config.hub_token_file)
        self._adapters = Adapters(config.adapters, config.adapter_root, max_rank=config.vllm.max_adapter_rank)
        self._adapter: Adapter | None = None
        self._extras = PLAIN
        self._chat = ChatTemplate(folder, trust_remote_code=config.trust_remote_code)
        self._engine = VllmEngine(
            folder, config.vllm, adapters=bool(self._adapters), trust_remote_code=config.trust_remote_code
        )

        def identity(adapter: Adapter | None) -> Identity:
            found = identify(
                config.model,
                folder,
                engine=self._engine.version,
                dtype=self._engine.dtype,
                context_tokens=self._engine.max_model_len,
                quantization=config.vllm.quantization or "",
                adapter=adapter.fingerprint if adapter else "",
            )
            return replace(found, model=f"{found.model}+{adapter.name}") if adapter else found

        self._identity_with = cache(identity)
        self.identity = identity(None)

    async def with_extras(self, extras: Extras) -> Self:
        """See TextEngine."""
        engine = copy(self)
        engine._extras = extras
        if extras.adapter:
            adapter = await self._adapters.find(extras.adapter)
            engine._adapter = adapter
            engine.identity = await asyncio.to_thread(self._identity_with, adapter)
        return engine

    def adapters(self) -> list[str]:
        """See TextEngine."""
        return self._adapters.names()

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine."""
        prompt = await self._encode(turns, thinking=thinking)
        return await self._engine.generate(prompt, sampling, self._extras, self._adapter)

    async def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine."""
        prompt = await self._encode(turns, thinking=thinking)
        async for piece in self._engine.stream(prompt, sampling, self._extras, self._adapter):
            yield piece

    async def complete(self, text: str | Sequence[int], sampling: Sampling) -> Generation:
        """See TextEngine."""
        return await self._engine.generate(await self._ids(text), sampling, self._extras, self._adapter)

    async def stream_completion(
        self, text: str | Sequence[int], sampling: Sampling
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine."""
        async for piece in self._engine.stream(await self._ids(text), sampling, self._extras, self._adapter):
            yield piece

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """See TextEngine."""
        prompt = await self._encode(turns)
        options = [self._chat.encode_answer(choice) for choice in choices]
        logprobs = await self._engine.logprobs(prompt, options, self._adapter)
        return [(logprob, len(option)) for logprob, option in zip(logprobs, options, strict=True)]

    @property
    def num_running(self) -> int:
        """How many requests the engine holds, waiting ones included."""
        return self._engine.num_running

    def stop(self) -> None:
        """See TextEngine."""
        self._engine.stop()

    async def _encode(self, turns: Sequence[Turn], *, thinking: bool = False) -> list[int]:
        if sum([len(turn.content) for turn in turns]) <= INLINE_CHARS:
            return self._chat.encode(turns, thinking=thinking)
        return await asyncio.to_thread(self._chat.encode, turns, thinking=thinking)

    async def _ids(self, text: str | Sequence[int]) -> Sequence[int]:
        if not isinstance(text, str):
            return text
        return await asyncio.to_thread(self._chat.tokenizer.encode, text)
