"""Where a step's time goes on a CPU, and what a step of the paper's size would cost on a GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from services.trainer.examples import Example
from services.trainer.flops import PEAKS_BF16, Flops

if TYPE_CHECKING:
    from tools.bench.trainer_plain import Loop

KINDS = {
    "matrix products": ("mm", "bmm", "addmm", "baddbmm"),
    "attention of the LLM": ("scaled_dot_product",),
    "dropout": ("bernoulli", "dropout"),
    "softmax": ("softmax",),
    "copies": ("copy_", "cat", "stack", "index", "clone", "repeat"),
}
"""By what an operator's name ends with or holds."""
GPU = "H100"
BATCH, PROMPT_TOKENS, ANSWER_TOKENS = 12, 180, 60
"""As the reference trains on a GPU; 64 vectors, 100 tokens of transcript at most, and an instruction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A kind of operator's part of a step's CPU time."""

    kind: str
    share: float


def profile(loop: "Loop", examples: Sequence[Example]) -> list[Share]:
    """Returns what a step of a loop spends its CPU time on."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watch

    with watch(activities=[ProfilerActivity.CPU]) as watched:
        loop.step(examples)
    spent = dict.fromkeys((*KINDS, "all else"), 0.0)
    for event in watched.key_averages():
        spent[_kind(event.key.removeprefix("aten::"))] += event.self_cpu_time_total
    total = sum(spent.values())
    return sorted((Share(kind=kind, share=each / total) for kind, each in spent.items()), key=lambda one: -one.share)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoned:
    """A step of Whisper-large-v3 with Qwen3-8B, by arithmetic."""

    parts: dict[str, float]
    """FLOPs of a step."""
    seconds: float
    """At half of the GPU's peak."""
    memory: dict[str, float]
    """Bytes of what has a size that is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Whisper-large-v3, the connector and Qwen3-8B, by their shapes."""

    flops: Flops
    weights: dict[str, int]
    """Of `llm`, `encoder` and `connector`."""
    vocabulary: int
    llm_width: int
    llm_layers: int
    encoder_width: int
    encoder_layers: int


def paper_size() -> Size:
    """Counts models of the paper's size, without memory for their weights."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config, WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    from earwitness.desta.config import DestaConfig, default_tapped_layers
    from earwitness.desta.connector import Connector

    # config.json of Qwen/Qwen3-8B and openai/whisper-large-v3.
    wide: Any = Qwen3Config(
        hidden_size=4096, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
        intermediate_size=12288, vocab_size=151936, tie_word_embeddings=False,
    )  # fmt: skip
    heard: Any = WhisperConfig(
        d_model=1280, encoder_layers=32, encoder_attention_heads=20, encoder_ffn_dim=5120, num_mel_bins=128
    )
    with torch.device("meta"):
        llm: Any = AutoModelForCausalLM.from_config(wide)
        encoder = WhisperEncoder(heard)
        connector = Connector(DestaConfig(encoder="", llm=""), heard, wide.hidden_size)
    ears = SimpleNamespace(encoder=encoder, tapped_layers=default_tapped_layers(heard.encoder_layers))
    model: Any = SimpleNamespace(llm=llm, perception=SimpleNamespace(encoder=ears, connector=connector))
    modules: dict[str, Any] = {"llm": llm, "encoder": encoder, "connector": connector}
    return Size(
        flops=Flops.of(model),
        weights={name: sum(each.numel() for each in module.parameters()) for name, module in modules.items()},
        vocabulary=wide.vocab_size,
        llm_width=wide.hidden_size,
        llm_layers=wide.num_hidden_layers,
        encoder_width=heard.d_model,
        encoder_layers=heard.encoder_layers,
    )


def reckon() -> Reckoned:
    """Counts a step at the paper's size, encoder outputs not kept."""
    from earwitness.desta.loss import LOGITS_AT_ONCE

    size = paper_size()
    flops, weights = size.flops, size.weights
    parts = {
        "LLM's layers, 4 a weight and token": BATCH * (PROMPT_TOKENS + ANSWER_TOKENS) * flops.token,
        "output embeddings, at answer tokens": BATCH * ANSWER_TOKENS * flops.answer_token,
        "connector, 6": BATCH * flops.clip,
        "encoder, 2": BATCH * flops.encoded,
    }
    peak = next(peak for name, peak in PEAKS_BF16 if name == GPU)
    memory = {
        "LLM and encoder, bfloat16": 2.0 * (weights["llm"] + weights["encoder"]),
        "connector: weights, gradient, two moments, float32": 16.0 * weights["connector"],
        "tapped layers of the clips, bfloat16": 2.0 * BATCH * 4 * 1500 * size.encoder_width,
        "logits in float32: all of them": 4.0 * BATCH * (PROMPT_TOKENS + ANSWER_TOKENS) * size.vocabulary,
        "logits in float32: as many as stand at once": 4.0 * LOGITS_AT_ONCE,
    }
    return Reckoned(parts=parts, seconds=sum(parts.values()) / (0.5 * peak), memory=memory)


def _kind(name: str) -> str:
    for kind, parts in KINDS.items():
        if name in parts or any(part in name for part in parts if len(part) > 5):
            return kind
    return "all else"
