"""The loss over an answer's tokens, without their logits ever standing in memory all at once.

The output embeddings are frozen, so that the gradient of a few tokens' loss by their hidden states can be had, and
their logits be dropped, before those of the next tokens are made: memory does not grow with the answers, and no logit
is computed twice. Heavy: imports torch. It knows nothing of models but their frozen output embeddings.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

LOGITS_AT_ONCE = 1 << 24
"""64 MiB in float32: 341 tokens of SmolLM2's vocabulary, 110 of Qwen3's."""


def answer_loss(hidden: Tensor, head: Any, labels: Tensor, *, at_once: int = LOGITS_AT_ONCE) -> Tensor:
    """Returns the summed cross-entropy of tokens, a scalar in float32 in nats; gradients flow to `hidden` alone.

    Args:
        hidden: the LLM's last hidden states at the positions that predict the tokens, of shape `(tokens, width)`.
        head: the LLM's output embeddings, an `nn.Linear`, frozen.
        labels: the tokens' ids, of shape `(tokens,)`, on the device of `hidden`.
        at_once: logits in memory at one time.
    """
    tokens = max(1, at_once // head.weight.shape[0])
    apply: Any = _AnswerLoss.apply
    return apply(hidden, head, labels, tokens)


class _AnswerLoss(torch.autograd.Function):
    """The loss, with its gradient made on the way."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        hidden, head, labels, tokens = inputs
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, len(hidden), tokens):
            few = slice(start, start + tokens)
            part = hidden[few].detach().requires_grad_(gradient is not None)
            with torch.set_grad_enabled(gradient is not None):
                loss = cross_entropy(head(part).float(), labels[few], reduction="sum")
            if gradient is not None:
                (gradient[few],) = torch.autograd.grad(loss, part)
            total += loss.detach()
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * outputs[0], None, None, None
