"""The training loop: steps, their curve, checkpoints, and where a killed run goes on. Heavy: imports torch.

A run that goes on from a checkpoint has the losses of one that was never interrupted, step by step.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from earwitness.desta import adapters, checkpoint
from earwitness.desta.config import DestaConfig
from earwitness.desta.model import DestaModel
from earwitness.errors import InvalidInput
from services.trainer import curve as curves
from services.trainer.config import TrainConfig
from services.trainer.curve import Curve, Point
from services.trainer.examples import Data
from services.trainer.learner import Trainer
from services.trainer.mirror import Mirror
from services.trainer.state import Reached, TrainState
from services.trainer.world import World

__all__ = ["Data", "train"]


def train(
    model: DestaModel,
    data: Data,
    config: TrainConfig,
    desta: DestaConfig,
    folder: Path,
    card: Mapping[str, object],
    on_step: Callable[[Point], None] = lambda point: None,
    *,
    on_checkpoint: Callable[[int, Path], None] = lambda step, place: None,
    world: World | None = None,
) -> Path:
    """Trains to the end, from a checkpoint if there is one, and returns the final checkpoint's folder.

    `card` says what the run is made of, under `run` its name: only a checkpoint of the same name goes on, and every one
    carries it. Writes `curve.jsonl`, `checkpoints/` and at last `checkpoint/` below `folder`, which all workers see.
    Raises InvalidInput without examples, EngineFailure for a bad step, see `TrainConfig.on_bad_step`.
    """
    world = world or World()
    if not data.train:
        raise InvalidInput(
            "there is no row to train on", "train", "distil more, or raise the token limit of the targets"
        )
    weights = {"encoder": desta.encoder, "weights": card.get("weights")}
    trainer = Trainer(model, data, config, world, cache=folder / "encoder-cache", of=weights)
    state = _state(model, config, desta, folder, str(card.get("run") or _digest(card)))
    connector = model.perception.connector
    # The first worker looks, and fetches what only the mirror has: all must go on from the same step.
    step = world.agree(state.newest() if world.leads else 0)
    state.resume(connector, trainer.optimizer, llm=model.llm, step=step)
    trainer.judge.recall(curves.read(state.curve(step)) if step else [])
    curve = Curve(folder / "curve.jsonl", last_step=step, fallback=state.curve(step)) if world.leads else None

    for point in _points(trainer, step):
        if curve:
            curve.add(on_step, point)
            if point.step and (point.step % config.save_every == 0 or point.step == config.steps):
                after = trainer.batches.position(point.step + 1)
                reached = Reached(step=point.step, next=after, held_out=point.held_out)
                place = state.save(reached, connector, trainer.optimizer, card, llm=model.llm, curve=curve.path)
                on_checkpoint(point.step, place)
    trainer.ears.close()
    if world.leads:
        adapter = adapters.tensors(model.llm)
        checkpoint.save(folder / "checkpoint", connector, desta, {**card, "step": config.steps}, adapter=adapter)
    world.agree(config.steps)  # nobody leaves before the last file is there
    return folder / "checkpoint"


def _points(trainer: Trainer, reached: int) -> Iterator[Point]:
    """Makes the steps after the one that is reached; of all workers alike."""
    config = trainer.config
    if reached == 0:
        yield Point(step=0, held_out=trainer.held_out())
    for step in range(reached + 1, config.steps + 1):
        point = trainer.step(step)
        if step % config.held_out_every == 0 or step == config.steps:
            point = replace(point, held_out=trainer.held_out())
        yield point


def _state(model: DestaModel, config: TrainConfig, desta: DestaConfig, folder: Path, run: str) -> TrainState:
    shape: Any = model.perception.encoder.encoder.config
    return TrainState(
        folder / "checkpoints" / run,
        desta,
        shape,
        model.llm.get_input_embeddings().weight.shape[1],
        keep_last=config.keep_last,
        mirror=Mirror.at(config.mirror, config.s3_endpoint, run) if config.mirror else None,
    )


def _digest(card: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:12]
