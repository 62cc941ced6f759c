"""Captioners that are audio language models: one in vLLM, or one behind an OpenAI-compatible API.

A clip longer than the model hears at once is described part by part, each part under its place in the clip.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from earwitness import wav
from earwitness.audio import Clip
from earwitness.audio_chat import AudioChat
from earwitness.desta.splice import MARK, Message
from earwitness.engines.vllm_audio import HeardPrompt, VllmAudioEngine
from earwitness.errors import InvalidInput
from earwitness.hearing import WINDOW_SECONDS
from earwitness.identity import identify
from earwitness.openai import OpenAiClient
from earwitness.sampling import Sampling
from services.captioner.config import CaptionerConfig
from services.captioner.engine import Caption


class VllmCaptioner:
    """An audio language model in vLLM, such as Qwen3-Omni-Captioner, which takes audio alone."""

    def __init__(self, config: CaptionerConfig) -> None:
        """Loads the model; raises EngineFailure, with vLLM's reason, where vLLM refuses it."""
        from earwitness.models import ModelRef, resolve

        trusted = config.trust_remote_code
        ref = ModelRef.parse(config.model, trust_remote_code=trusted)
        folder = resolve(ref, hub_token_file=config.hub_token_file)
        self._config = config
        self._chat = AudioChat(folder, placeholder=config.placeholder, trust_remote_code=trusted)
        self._engine = VllmAudioEngine(folder, config.vllm, trust_remote_code=trusted)
        self._sampling = Sampling(max_tokens=config.max_tokens)
        self.identity = identify(
            config.model,
            folder,
            engine=self._engine.version,
            dtype=self._engine.dtype,
            context_tokens=self._engine.max_model_len,
            quantization=config.vllm.quantization or "",
            placeholder=config.placeholder,
            max_tokens=str(config.max_tokens),
            **_stated(config),
        )

    async def describe(self, clip: Clip, prompt: str) -> Caption:
        """See AskedEngine."""
        asked = _asked(self._config, prompt)

        async def one(part: Clip) -> str:
            message = Message(role="user", content=f"{MARK}{asked}", audios=("clip",))
            ids = await asyncio.to_thread(self._chat.encode, [message])
            return (await self._engine.listen(HeardPrompt(ids=ids, clips=[part.samples]), self._sampling)).text

        return await _in_parts(clip, self._config.window_seconds, one)

    def stop(self) -> None:
        """See AskedEngine."""
        self._engine.stop()


class OpenAiCaptioner:
    """An endpoint of the catalogue that hears, such as Gemini."""

    def __init__(self, config: CaptionerConfig) -> None:
        """Raises NotFound for an endpoint that is in no catalogue, NotReady without its key, InvalidInput if deaf."""
        self._client = OpenAiClient.at(config.model, config.endpoints_file)
        self._config = config
        endpoint = self._client.endpoint
        if not endpoint.audio:
            raise InvalidInput(f"{endpoint.model} takes no audio", "model", "name an endpoint that hears")
        self.identity = endpoint.identity()
        if stated := [f"{name}={value}" for name, value in _stated(config).items() if value]:
            digest = hashlib.sha256("\0".join([self.identity.fingerprint, *stated]).encode()).hexdigest()
            self.identity = replace(self.identity, fingerprint=digest)

    async def describe(self, clip: Clip, prompt: str) -> Caption:
        """See AskedEngine. Errors of the API arrive as they are: Overloaded, Unavailable, DeadlineExceeded, ..."""
        asked = _asked(self._config, prompt)

        async def one(part: Clip) -> str:
            return (await self._client.caption(await asyncio.to_thread(wav.encode, part), asked)).text

        return await _in_parts(clip, self._config.window_seconds, one)

    def stop(self) -> None:
        """See AskedEngine."""
        self._client.stop()


def _asked(config: CaptionerConfig, prompt: str) -> str:
    """Returns what the model is asked beside the audio."""
    if prompt and not config.takes_prompt:
        raise InvalidInput(f"{config.model} takes audio alone", "prompt", "leave it out")
    return prompt or config.prompt


def _stated(config: CaptionerConfig) -> dict[str, str]:
    """Returns the settings that change captions, "" for those left alone."""
    return {
        "prompt": config.prompt,
        "long_audio": "" if config.long_audio == "chunk" else config.long_audio,
        "window_seconds": "" if config.window_seconds == WINDOW_SECONDS else f"{config.window_seconds:g}",
    }


async def _in_parts(clip: Clip, window_s: float, describe: Callable[[Clip], Awaitable[str]]) -> Caption:
    """Describes a clip, or its consecutive parts at once, each named by where it lies."""
    if clip.seconds <= window_s:
        return Caption(text=await describe(clip), transcript="")
    texts = await asyncio.gather(*[describe(part) for part in clip.chunks(window_s)])
    starts = [number * window_s for number in range(len(texts))]
    ends = [f"{min(start + window_s, clip.seconds):g}" for start in starts]
    lines = [f"{start:g}-{end} s: {text}" for start, end, text in zip(starts, ends, texts, strict=True)]
    return Caption(text="\n".join(lines), transcript="")
