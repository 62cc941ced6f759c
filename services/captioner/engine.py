"""The captioner's engines: a transcript alone, or a transcript with a measured description, and the choice of one."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from earwitness import __version__
from earwitness.audio import Clip
from earwitness.batcher import Batcher
from earwitness.hearing import WINDOW_SECONDS
from earwitness.identity import Identity, identify
from services.captioner.config import CaptionerConfig

if TYPE_CHECKING:
    from earwitness.transcriber import Transcript

CLIPS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A clip in words."""

    text: str
    transcript: str


class CaptionEngine(Protocol):
    """Describes clips on one thread at a time, whatever it is asked."""

    identity: Identity

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        """Returns one caption per clip."""
        ...


@runtime_checkable
class AskedEngine(Protocol):
    """Describes clips as it is asked to, many at once on the event loop."""

    identity: Identity

    async def describe(self, clip: Clip, prompt: str) -> Caption:
        """Returns a clip's caption; raises InvalidInput for a prompt that the model does not take."""
        ...

    def stop(self) -> None:
        """Frees what the engine holds."""
        ...


class Batched:
    """A CaptionEngine as an AskedEngine: clips that wait are described together, on a thread."""

    def __init__(self, engine: CaptionEngine) -> None:
        self.identity = engine.identity
        self._captions: Batcher[Clip, Caption] = Batcher(engine.caption, CLIPS_AT_ONCE)

    async def describe(self, clip: Clip, prompt: str) -> Caption:
        """See AskedEngine. The prompt is not heeded."""
        return await self._captions.submit(clip)

    def stop(self) -> None:
        """Holds nothing that does not end with the process."""


class WhisperEngine:
    """What is said, and nothing else: the paper's Whisper captioner (arXiv:2603.19195, Table 2)."""

    name = "whisper"

    def __init__(self, config: CaptionerConfig) -> None:
        import transformers

        from earwitness.models import ModelRef, resolve
        from earwitness.transcriber import Transcriber

        folder = resolve(ModelRef.parse(config.whisper), hub_token_file=config.hub_token_file)
        self._window_seconds = config.window_seconds
        threads = config.threads or len(os.sched_getaffinity(0))
        self._transcriber = Transcriber(folder, num_threads=threads, language=config.language)
        self.identity = identify(
            config.whisper,
            folder,
            engine=f"{self.name} {__version__}, transformers {transformers.__version__}",
            dtype="float32",
            language=config.language or "",
            long_audio="" if config.long_audio == "chunk" else config.long_audio,
            window_seconds="" if self._window_seconds == WINDOW_SECONDS else f"{self._window_seconds:g}",
        )

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        """See CaptionEngine."""
        heard = [transcript.text for transcript in self.transcribe(clips)]
        return [Caption(text=text or "No speech.", transcript=text) for text in heard]

    def transcribe(self, clips: Sequence[Clip]) -> "list[Transcript]":
        """Returns what is said in each clip, however long it is."""
        from earwitness.transcriber import join

        parts = [list(clip.chunks(self._window_seconds)) for clip in clips]
        heard = iter(self._transcriber.transcribe([part for clip in parts for part in clip]))
        return [join([next(heard) for _ in clip]) for clip in parts]


class AcousticEngine(WhisperEngine):
    """What is said, and what can be measured, as plain sentences."""

    name = "acoustic"

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        """See CaptionEngine."""
        from services.captioner.acoustics import measure
        from services.captioner.description import describe

        return [
            Caption(text=describe(measure(clip), transcript), transcript=transcript.text)
            for clip, transcript in zip(clips, self.transcribe(clips), strict=True)
        ]


def open_engine(config: CaptionerConfig) -> CaptionEngine | AskedEngine:
    """Opens the engine that the configuration names."""
    if config.engine == "vllm":
        from services.captioner.asked import VllmCaptioner

        return VllmCaptioner(config)
    if config.engine == "openai":
        from services.captioner.asked import OpenAiCaptioner

        return OpenAiCaptioner(config)
    return AcousticEngine(config) if config.engine == "acoustic" else WhisperEngine(config)
