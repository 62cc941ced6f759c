"""What the captioner can be told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionerConfig:
    """Settings of one captioner."""

    engine: Literal["acoustic", "whisper"] = "acoustic"
    """`acoustic` writes a transcript and a measured description, `whisper` the transcript alone."""
    whisper: str = "whisper-tiny-en"
    """A Whisper model: hub id (`org/name@revision`), folder, or embedded name."""
    language: str | None = None
    """What a multilingual Whisper expects to hear, such as "en"; None detects it clip by clip."""
    threads: int = 0
    """Threads of Whisper on a CPU; 0 means every core."""
    max_in_flight: int = 256
    """Clips worked on at once; one more is refused with RESOURCE_EXHAUSTED."""
    hub_token_file: Path | None = None
