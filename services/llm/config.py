"""What the LLM service can be told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earwitness.engines.options import VllmOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class LlmConfig:
    """Settings of one LLM server."""

    model: str = "smollm2-135m-instruct"
    """A hub id (`org/name@revision`), a folder, an embedded model's name, or `openai:NAME` of an endpoint."""
    engine: Literal["vllm", "openai", "echo"] = "vllm"
    """`openai` asks an OpenAI-compatible API; `echo` answers with the end of the prompt: for load tests alone."""
    vllm: VllmOptions = field(default_factory=VllmOptions)
    adapters: dict[str, Path] = field(default_factory=dict[str, Path])
    """LoRA adapters by name: folders as peft saves them."""
    adapter_root: Path | None = None
    """A folder whose adapters a request may name too, by their path from there."""
    endpoints: Path | None = None
    """A catalogue of endpoints beside the one that is built in, for the `openai` engine."""
    echo_delay_s: float = 0.0
    max_in_flight: int = 512
    """Conversations worked on at once; one more is refused with RESOURCE_EXHAUSTED."""
    hub_token_file: Path | None = None
    trust_remote_code: bool = False
