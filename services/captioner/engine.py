"""The captioner's engines: a transcript alone, or a transcript with a measured description."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from earwitness import __version__
from earwitness.audio import Clip
from earwitness.identity import Identity, identify
from services.captioner.config import CaptionerConfig

if TYPE_CHECKING:
    from earwitness.transcriber import Transcript

WINDOW_SECONDS = 30.0
"""Whisper hears this much at once; a longer clip is heard in consecutive parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caption:
    """A clip in words."""

    text: str
    transcript: str


class CaptionEngine(Protocol):
    """Describes clips, on one thread at a time."""

    identity: Identity

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        """Returns one caption per clip."""
        ...


class WhisperEngine:
    """What is said, and nothing else: the paper's Whisper captioner (arXiv:2603.19195, Table 2)."""

    name = "whisper"

    def __init__(self, config: CaptionerConfig) -> None:
        import transformers

        from earwitness.models import ModelRef, resolve
        from earwitness.transcriber import Transcriber

        folder = resolve(ModelRef.parse(config.whisper), hub_token_file=config.hub_token_file)
        threads = config.threads or len(os.sched_getaffinity(0))
        self._transcriber = Transcriber(folder, num_threads=threads, language=config.language)
        self.identity = identify(
            config.whisper,
            folder,
            engine=f"{self.name} {__version__}, transformers {transformers.__version__}",
            dtype="float32",
            language=config.language or "",
        )

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        """See CaptionEngine."""
        heard = [transcript.text for transcript in self.transcribe(clips)]
        return [Caption(text=text or "No speech.", transcript=text) for text in heard]

    def transcribe(self, clips: Sequence[Clip]) -> "list[Transcript]":
        """Returns what is said in each clip, however long it is."""
        from earwitness.transcriber import join

        parts = [list(clip.chunks(WINDOW_SECONDS)) for clip in clips]
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


def open_engine(config: CaptionerConfig) -> CaptionEngine:
    """Opens the engine that the configuration names."""
    return {"acoustic": AcousticEngine, "whisper": WhisperEngine}[config.engine](config)
