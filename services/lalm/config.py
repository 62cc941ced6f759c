"""What the LALM service can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earwitness.engines.options import VllmOptions
from earwitness.errors import InvalidInput
from earwitness.hearing import LongAudio
from earwitness.media import Sources


@dataclass(frozen=True, kw_only=True, slots=True)
class LalmConfig:
    """Settings of one LALM server."""

    engine: Literal["desta", "vllm", "openai"] = "desta"
    """`desta` is ours, `vllm` an audio language model that vLLM serves whole, `openai` one behind an API."""
    checkpoint: Path | None = None
    """For `desta`: a checkpoint folder, as `earwitness train` writes it, or a released one of DeSTA2.5-Audio."""
    model: str = ""
    """For `vllm`: a hub id (`org/name@revision`) or a folder. For `openai`: a name in the catalogue of endpoints."""
    whisper: str = ""
    """For `desta`: the recogniser of clips without a transcript; "" takes the checkpoint's own encoder model."""
    placeholder: str = ""
    """For `vllm`: what stands for a clip, such as `<|audio_{n}|>`, where the chat template takes text alone."""
    long_audio: LongAudio = "refuse"
    """What becomes of a clip over 30 s: refused, or heard in consecutive parts, each of which counts as a clip."""
    sources: Sources = field(default_factory=Sources)
    """Where clips that are named by URI may come from."""
    vllm: VllmOptions = field(default_factory=VllmOptions)
    device: str = ""
    """For `desta`: where the encoder, the connector and Whisper run, such as `cuda:1`; "" is a GPU if there is one.
    What vLLM's `gpu_memory_utilization` leaves must hold them."""
    threads: int = 0
    """Threads of the encoder on a CPU; 0 means every core."""
    max_in_flight: int = 256
    """Conversations worked on at once; one more is refused with RESOURCE_EXHAUSTED."""
    hub_token_file: Path | None = None
    endpoints_file: Path | None = None
    """For `openai`: a catalogue of your own beside ours."""
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raises InvalidInput where the engine lacks its model."""
        if self.engine == "desta" and self.checkpoint is None:
            raise InvalidInput("is missing", "checkpoint", "name a DeSTA checkpoint's folder, or choose another engine")
        if self.engine != "desta" and not self.model:
            raise InvalidInput("is missing", "model", f"name the model that the engine {self.engine} is to serve")
