"""What the LLM service needs of an engine, and the two that it has: vLLM, and an echo for load tests."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from earwitness import __version__
from earwitness.conversation import Turn
from earwitness.identity import Identity, identify
from earwitness.sampling import Generation, Sampling
from services.llm.config import LlmConfig

ChoiceScore = tuple[float, int]
"""The summed log-probability of an option, and its number of tokens."""


class TextEngine(Protocol):
    """Answers conversations."""

    identity: Identity

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """Answers a conversation."""
        ...

    def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """Answers a conversation piece by piece: what is new, and the whole so far."""
        ...

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """Scores each option as the whole answer."""
        ...

    def stop(self) -> None:
        """Frees what the engine holds."""
        ...


class VllmTextEngine:
    """A chat model in vLLM."""

    def __init__(self, config: LlmConfig) -> None:
        from earwitness.chat import ChatTemplate
        from earwitness.engines.vllm import VllmEngine
        from earwitness.models import ModelRef, resolve

        ref = ModelRef.parse(config.model, trust_remote_code=config.trust_remote_code)
        folder = resolve(ref, hub_token_file=config.hub_token_file)
        self._chat = ChatTemplate(folder, trust_remote_code=config.trust_remote_code)
        self._engine = VllmEngine(folder, config.vllm, trust_remote_code=config.trust_remote_code)
        self.identity = identify(
            config.model,
            folder,
            engine=self._engine.version,
            dtype=self._engine.dtype,
            context_tokens=self._engine.max_model_len,
            quantization=config.vllm.quantization or "",
        )

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool) -> Generation:
        """See TextEngine."""
        return await self._engine.generate(self._chat.encode(turns, thinking=thinking), sampling)

    async def stream(
        self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool
    ) -> AsyncIterator[tuple[str, Generation]]:
        """See TextEngine."""
        async for piece in self._engine.stream(self._chat.encode(turns, thinking=thinking), sampling):
            yield piece

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """See TextEngine."""
        prompt = self._chat.encode(turns)
        options = [self._chat.encode_answer(choice) for choice in choices]
        logprobs = await asyncio.gather(*[self._engine.logprob(prompt, option) for option in options])
        return [(logprob, len(option)) for logprob, option in zip(logprobs, options, strict=True)]

    def stop(self) -> None:
        """See TextEngine."""
        self._engine.stop()


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

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[ChoiceScore]:
        """See TextEngine. The shorter an option, the likelier."""
        await asyncio.sleep(self._delay_s)
        return [(-float(len(choice)), len(choice.split())) for choice in choices]

    def stop(self) -> None:
        """Holds nothing."""


def open_engine(config: LlmConfig) -> TextEngine:
    """Opens the engine that the configuration names."""
    return EchoTextEngine(config) if config.engine == "echo" else VllmTextEngine(config)
