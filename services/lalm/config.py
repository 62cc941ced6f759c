"""What the LALM service can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earwitness.engines.options import VllmOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class LalmConfig:
    """Settings of one LALM server."""

    checkpoint: Path
    """A DeSTA checkpoint folder, as `earwitness train` writes it."""
    engine: Literal["desta"] = "desta"
    whisper: str = ""
    """The recogniser of clips that come without a transcript; "" takes the checkpoint's own encoder model."""
    vllm: VllmOptions = field(default_factory=VllmOptions)
    threads: int = 0
    """Threads of the encoder on a CPU; 0 means every core."""
    max_in_flight: int = 256
    """Conversations worked on at once; one more is refused with RESOURCE_EXHAUSTED."""
    hub_token_file: Path | None = None
