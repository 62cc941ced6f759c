"""What the LLM service can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earwitness.engines.options import VllmOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class LlmConfig:
    """Settings of one LLM server."""

    model: str = "smollm2-135m-instruct"
    """A hub id (`org/name@revision`), a folder, or an embedded model's name."""
    engine: Literal["vllm", "echo"] = "vllm"
    """`echo` answers with the end of the prompt after `echo_delay_s`: for load tests alone."""
    vllm: VllmOptions = field(default_factory=VllmOptions)
    echo_delay_s: float = 0.0
    max_in_flight: int = 512
    """Conversations worked on at once; one more is refused with RESOURCE_EXHAUSTED."""
    hub_token_file: Path | None = None
    trust_remote_code: bool = False
