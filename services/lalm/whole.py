"""The vllm engine: audio language models that vLLM serves whole, such as Qwen2.5-Omni and Audio Flamingo 3."""

from collections.abc import Sequence
from typing import Any

from earwitness.audio_chat import AudioChat
from earwitness.desta.splice import Message
from earwitness.engines.vllm_audio import HeardPrompt, VllmAudioEngine
from earwitness.identity import identify
from earwitness.sampling import Generation, Sampling
from services.lalm import choices as options
from services.lalm.config import LalmConfig
from services.lalm.engine import ChoiceScore, ClipIn


class VllmListenEngine:
    """One model in vLLM. It is given the sound alone: a supplied transcript is handed back, not shown to it."""

    def __init__(self, config: LalmConfig) -> None:
        """Loads the model; raises EngineFailure, with vLLM's reason, where vLLM refuses it."""
        from earwitness.models import ModelRef, resolve

        trusted = config.trust_remote_code
        ref = ModelRef.parse(config.model, trust_remote_code=trusted)
        folder = resolve(ref, hub_token_file=config.hub_token_file)
        self._chat = AudioChat(folder, placeholder=config.placeholder, trust_remote_code=trusted)
        self._engine = VllmAudioEngine(folder, config.vllm, trust_remote_code=trusted)
        self.identity = identify(
            config.model,
            folder,
            engine=self._engine.version,
            dtype=self._engine.dtype,
            context_tokens=self._engine.max_model_len,
            quantization=config.vllm.quantization or "",
            placeholder=config.placeholder,
            long_audio="" if config.long_audio == "refuse" else config.long_audio,
        )

    async def listen(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], sampling: Sampling, *, thinking: bool
    ) -> tuple[Generation, list[str]]:
        """See ListenEngine."""
        prompt = await self._prompt(messages, clips, thinking=thinking)
        return await self._engine.listen(prompt, sampling), _transcripts(clips)

    async def score(
        self, messages: Sequence[Message], clips: Sequence[ClipIn], choices: Sequence[str]
    ) -> tuple[list[ChoiceScore], list[str]]:
        """See ListenEngine."""
        prompt = await self._prompt(messages, clips, thinking=False)

        async def after(answered: Sequence[int], ids: Sequence[int]) -> dict[int, float]:
            longer = HeardPrompt(ids=[*prompt.ids, *answered], clips=prompt.clips)
            return await self._engine.next_logprobs(longer, ids)

        answers = [self._chat.encode_answer(choice) for choice in choices]
        return await options.score(answers, after), _transcripts(clips)

    def stop(self) -> None:
        """See ListenEngine."""
        self._engine.stop()

    async def _prompt(self, messages: Sequence[Message], clips: Sequence[ClipIn], *, thinking: bool) -> HeardPrompt:
        import asyncio

        ids: Any = await asyncio.to_thread(self._chat.encode, messages, thinking=thinking)
        return HeardPrompt(ids=ids, clips=[clip.clip.samples for clip in clips])


def _transcripts(clips: Sequence[ClipIn]) -> list[str]:
    return [clip.transcript or "" for clip in clips]
