"""What training can be told. The defaults are the reference's recipe.

Learning rate, betas, weight decay, clipping, warm-up and seed are those of kehanlu/DeSTA2.5-Audio,
examples/train/config/desta25_llama31-8B_Qformer6L.yaml; the batch is 12 on each of 8 GPUs there.
"""

from dataclasses import dataclass
from typing import Literal

from earwitness.errors import InvalidInput


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Settings of one training run."""

    encoder: str = "openai/whisper-large-v3"
    """A Whisper model: hub id, folder, or embedded name."""
    llm: str
    """The backbone: hub id, folder, or embedded name."""
    qformer_layers: int = 6
    num_queries: int = 64
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    batch_size: int = 12
    steps: int
    """Optimiser steps in all; the learning rate falls to zero along a cosine over them."""
    warmup_steps: int = 5000
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 42
    save_every: int = 500
    """Steps between states from which a killed run goes on."""
    held_out_every: int = 500
    """Steps between losses on rows that are not trained on."""
    encoder_cache_gib: float = 4.0
    """Memory for encoder outputs, which do not change between epochs; a clip of Whisper tiny takes 9 MiB in float32."""
    threads: int = 0
    """Threads of torch on a CPU; 0 means every core."""

    def __post_init__(self) -> None:
        """Raises InvalidInput, with the field, for a count that is out of range."""
        for name, least in (
            ("batch_size", 1),
            ("steps", 1),
            ("warmup_steps", 0),
            ("save_every", 1),
            ("held_out_every", 1),
        ):
            if getattr(self, name) < least:
                raise InvalidInput(f"must be at least {least}, not {getattr(self, name)}", name)
