"""The training loop: only the connector learns, step by step, to make the backbone say its own targets.

Each step seeds its own randomness, so a run that was killed and goes on from a saved state has the losses of one that
was not. Heavy: imports torch.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from earwitness.desta import checkpoint
from earwitness.desta.config import DestaConfig
from earwitness.desta.model import DestaModel
from earwitness.errors import EngineFailure, InvalidInput
from services.trainer.config import TrainConfig
from services.trainer.curve import Curve, Point
from services.trainer.examples import Ears, Example, batch_of, order
from services.trainer.state import TrainState


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """What is learned from, and what is only measured on."""

    train: Sequence[Example]
    held_out: Sequence[Example]


def train(
    model: DestaModel,
    data: Data,
    config: TrainConfig,
    desta: DestaConfig,
    folder: Path,
    extra: dict[str, object],
    on_step: Callable[[Point], None] = lambda point: None,
) -> Path:
    """Trains to the end, from a saved state if there is one, and returns the checkpoint's folder.

    `extra` says what the run is made of: only a state of the same goes on, and the checkpoint carries it. Writes
    `curve.jsonl`, `state/` and at last `checkpoint/` below `folder`. Raises InvalidInput without examples,
    EngineFailure for a loss that is not finite.
    """
    if not data.train:
        raise InvalidInput(
            "there is no row to train on", "train", "distil more, or raise the token limit of the targets"
        )
    model.train()
    connector = model.perception.connector
    optimizer = torch.optim.AdamW(
        connector.parameters(), lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
    )
    ears = Ears(model.perception.encoder, config.encoder_cache_gib)
    shape: Any = model.perception.encoder.encoder.config
    place = folder / "state" / _digest(extra)
    state = TrainState(place, desta, shape, model.llm.get_input_embeddings().weight.shape[1])
    step = state.resume(connector, optimizer)
    curve = Curve(folder / "curve.jsonl", last_step=step)
    if step == 0:
        curve.add(on_step, Point(step=0, held_out=held_out_loss(model, data.held_out, ears, config.batch_size)))
    batches = islice(order(len(data.train), config.batch_size, config.seed), step, config.steps)
    for step, indices in enumerate(batches, start=step + 1):  # noqa: B020 (counts on from the saved step)
        started = time.monotonic()
        loss, tokens = _step(model, optimizer, [data.train[index] for index in indices], ears, config, step)
        point = Point(step=step, loss=loss, tokens=tokens, seconds=time.monotonic() - started)
        if step % config.held_out_every == 0 or step == config.steps:
            point = replace(point, held_out=held_out_loss(model, data.held_out, ears, config.batch_size))
        curve.add(on_step, point)
        if step % config.save_every == 0 and step < config.steps:
            state.save(step, connector, optimizer)
    checkpoint.save(folder / "checkpoint", connector, desta, {**extra, "steps": config.steps})
    return folder / "checkpoint"


def learning_rate(config: TrainConfig, step: int) -> float:
    """Returns the rate of a step, counted from 1: a linear warm-up, then a cosine to zero at the last step."""
    if step <= config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))


def _digest(extra: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(extra, sort_keys=True).encode()).hexdigest()[:12]


@torch.no_grad()
def held_out_loss(model: DestaModel, examples: Sequence[Example], ears: Ears, batch_size: int) -> float | None:
    """Returns the mean loss per answer token over examples, without dropout; None without examples."""
    model.eval()
    total, tokens = 0.0, 0
    for start in range(0, len(examples), batch_size):
        loss, count = model.loss(batch_of(examples[start : start + batch_size], ears))
        total, tokens = total + float(loss) * count, tokens + count
    model.train()
    return total / tokens if tokens else None


def _step(
    model: DestaModel,
    optimizer: torch.optim.Optimizer,
    examples: Sequence[Example],
    ears: Ears,
    config: TrainConfig,
    step: int,
) -> tuple[float, int]:
    """Makes one optimiser step; returns the loss in nats per answer token, and the number of those tokens."""
    torch.manual_seed(config.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(config, step)
    loss, tokens = model.loss(batch_of(examples, ears))
    if not torch.isfinite(loss):
        raise EngineFailure(f"the loss of step {step} is {float(loss)}", "learning_rate", "lower it, or warm up longer")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.perception.connector.parameters(), config.clip_norm)
    optimizer.step()
    return loss.item(), tokens
