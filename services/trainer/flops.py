"""Model FLOPs: what the mathematics of a step costs, whatever the program does, and what the device could do at most.

Two for each weight and position of a forward pass, two more for the gradient by the input, two more for that by the
weight (Kaplan et al., arXiv:2001.08361, section 2.1; Chowdhery et al., PaLM, arXiv:2204.02311, appendix B). So the
frozen LLM counts 4, the frozen encoder 2, the connector 6. What is computed anew under gradient checkpointing does not
count, nor do padding and the products of attention; the LLM's output embeddings count at answer tokens only.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from earwitness.desta.model import DestaModel

PEAKS_BF16 = (
    # www.nvidia.com/en-us/data-center/h100: 1,979, 1,671 and 1,513 teraFLOPS with sparsity, which is half without.
    ("H100 NVL", 835.5e12),
    ("H100 PCIe", 756.5e12),
    ("H100", 989.5e12),
    # www.nvidia.com/en-us/data-center/h200: 1,979 and, NVL, 1,671 with sparsity.
    ("H200 NVL", 835.5e12),
    ("H200", 989.5e12),
    # www.nvidia.com/en-us/data-center/a100: 312 without sparsity.
    ("A100", 312e12),
)
"""Dense bfloat16 peaks of datasheets, in FLOP/s, by what a device's name holds; the first that fits counts."""

SIDE = 1024
TRIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Flops:
    """FLOPs of the parts of one model."""

    token: float
    """A token of a prompt or an answer through the LLM's layers and back."""
    answer_token: float
    """What an answer token costs beyond that: the output embeddings."""
    clip: float
    """A clip through the connector and back."""
    encoded: float
    """A clip through the encoder."""

    @classmethod
    def of(cls, model: "DestaModel") -> "Flops":
        """Counts a model's weights."""
        table, head = model.llm.get_input_embeddings().weight, model.llm.get_output_embeddings().weight
        outside = table.numel() + (head.numel() if head is not table else 0)
        encoder = model.perception.encoder
        positions = int(encoder.encoder.config.max_source_positions)
        taps = len(encoder.tapped_layers)
        layers = list(encoder.encoder.layers)[: encoder.tapped_layers[-1] + 1]
        return cls(
            token=4.0 * (_weights(model.llm) - outside),
            answer_token=4.0 * head.numel(),
            clip=6.0 * _connector(model.perception.connector, taps, positions),
            encoded=2.0 * positions * sum(_weights(layer) for layer in layers),
        )

    def step(self, *, tokens: float, answer_tokens: float, clips: float, encoded: float) -> float:
        """Returns the FLOPs of a step."""
        learned = tokens * self.token + answer_tokens * self.answer_token + clips * self.clip
        return learned + encoded * self.encoded


@cache
def peak(device: str, dtype: str) -> tuple[float, str]:
    """Returns the most FLOP/s of a device, and where that is from: a datasheet, or a product of matrices done here."""
    import torch

    if device == "cuda" and dtype == "bfloat16":
        name = torch.cuda.get_device_name()
        for part, flops in PEAKS_BF16:
            if part in name:
                return flops, f"datasheet of {name}"
    return _measure(device, getattr(torch, dtype)), f"measured: a {dtype} product of {SIDE} x {SIDE} matrices"


def _connector(connector: "nn.Module", taps: int, positions: int) -> float:
    """Returns weights times the vectors that go through them: positions for keys and values, queries for the rest."""
    from torch import nn

    queries = getattr(connector, "layer_weights").shape[0]  # noqa: B009 (typed as a module)
    total = 0.0
    for name, module in connector.named_modules():
        if isinstance(module, nn.Linear):
            heard = "crossattention.self.key" in name or "crossattention.self.value" in name
            vectors = positions * taps if heard else queries if name.startswith("proj") else queries * taps
            total += module.weight.numel() * vectors
    return total


def _weights(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _measure(device: str, dtype: Any) -> float:
    """Returns the FLOP/s of the fastest of a few products."""
    import torch

    one, other = (torch.randn(SIDE, SIDE, dtype=dtype, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(TRIES):
        started = time.perf_counter()
        float((one @ other)[0, 0])  # waits for a GPU
        best = min(best, time.perf_counter() - started)
    return 2.0 * SIDE**3 / best
