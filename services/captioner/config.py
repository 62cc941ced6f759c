"""What the captioner can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earwitness.engines.options import VllmOptions
from earwitness.errors import InvalidInput
from earwitness.hearing import WINDOW_SECONDS, LongAudio
from earwitness.media import Sources


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionerConfig:
    """Settings of one captioner."""

    engine: Literal["acoustic", "whisper", "vllm", "openai"] = "acoustic"
    """`acoustic` writes a transcript and a measured description, `whisper` the transcript alone, `vllm` asks an audio
    language model, `openai` one behind an API."""
    whisper: str = "whisper-tiny-en"
    """A Whisper model: hub id (`org/name@revision`), folder, or embedded name."""
    language: str | None = None
    """What a multilingual Whisper expects to hear, such as "en"; None detects it clip by clip."""
    model: str = ""
    """For `vllm`: a hub id or a folder. For `openai`: a name in the catalogue of endpoints."""
    prompt: str = ""
    """For `vllm` and `openai`: what the model is asked where the request asks nothing; "" gives it the audio alone."""
    audio_alone: bool | None = None
    """Whether the model takes no prompt at all, and a request with one is refused. None takes a model whose name ends
    in `Captioner`, such as Qwen3-Omni-30B-A3B-Captioner, for one that does not."""
    max_tokens: int = 1024
    """For `vllm`: the longest caption of a part."""
    placeholder: str = ""
    """For `vllm`: what stands for a clip, such as `<|audio_{n}|>`, where the chat template takes text alone."""
    long_audio: LongAudio = "chunk"
    """What becomes of a clip over `window_seconds`: refused, or heard in consecutive parts."""
    window_seconds: float = WINDOW_SECONDS
    """What the model hears at once. Whisper hears 30 s, whatever stands here."""
    sources: Sources = field(default_factory=Sources)
    """Where clips that are named by URI may come from."""
    vllm: VllmOptions = field(default_factory=VllmOptions)
    threads: int = 0
    """Threads of Whisper on a CPU; 0 means every core."""
    max_in_flight: int = 256
    """Clips worked on at once; one more is refused with RESOURCE_EXHAUSTED."""
    hub_token_file: Path | None = None
    endpoints_file: Path | None = None
    """For `openai`: a catalogue of your own beside ours."""
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raises InvalidInput where the engine lacks its model, or hears less than it is told to."""
        asked = self.engine in ("vllm", "openai")
        if asked and not self.model:
            raise InvalidInput("is missing", "model", f"name the model that the engine {self.engine} is to ask")
        if self.prompt and not self.takes_prompt:
            raise InvalidInput(f"{self.model} takes audio alone", "prompt", "leave it out")
        if self.window_seconds <= 0 or (not asked and self.window_seconds > WINDOW_SECONDS):
            remedy = f"stay above 0, and at or under {WINDOW_SECONDS:g} with Whisper"
            raise InvalidInput(f"{self.window_seconds:g} s", "window_seconds", remedy)

    @property
    def takes_prompt(self) -> bool:
        """Whether a request may ask something."""
        name = self.model.partition("@")[0].rstrip("/").lower()
        return not (name.endswith("captioner") if self.audio_alone is None else self.audio_alone)
