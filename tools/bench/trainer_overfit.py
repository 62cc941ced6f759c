"""Whether the trainer can learn at all: 32 clips by heart, to under 0.05 nats a token, on a CPU.

    python -m tools.bench.trainer_overfit [--clips 32] [--most-steps 1600]

Whisper tiny.en, SmolLM2, two Q-Former layers and 64 queries learn what SmolLM2 said about descriptions of clips of the
bundled corpus. Only the connector trains, without dropout, by the trainer's own steps.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from earwitness.errors import InvalidInput
from services.trainer.config import TrainConfig
from tools.bench.trainer_data import DEBUG, Parts, corpus, distilled, open_parts

WANTED = 0.05
NEAR = 0.08
"""The loss of an epoch's batches, each before the steps after it, from which all clips are worth asking."""
MAX_TOKENS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How far it came."""

    step: int
    seconds: float
    loss: float
    """In nats a token: over all clips where `over_all`, else over an epoch's batches as they came."""
    over_all: bool


def overfit(parts: Parts, folder: Path, config: TrainConfig, clips: int) -> Iterator[Reached]:
    """Trains and yields the loss of every epoch, and over all clips where that is low, until it is low enough.

    Raises InvalidInput where too few answers pass the filters.
    """
    from services.trainer.examples import Data, examples_from
    from services.trainer.learner import Trainer
    from services.trainer.world import World

    samples = corpus(folder / "corpus", 2 * clips)
    rows = distilled(parts, samples, per_sample=1, max_tokens=MAX_TOKENS)[:clips]
    if len(rows) < clips:
        raise InvalidInput(f"{len(rows)} of {2 * clips} answers were kept", "clips", "ask for fewer")
    examples = examples_from(rows, folder / "corpus", parts.splicer)
    data = Data(train=examples, held_out=examples)
    trainer = Trainer(parts.model, data, config, World(device="cpu"), cache=folder / "heard", of={})
    started, losses = time.perf_counter(), list[float]()

    def reached(step: int, loss: float | None, *, over_all: bool) -> Reached:
        assert loss is not None
        return Reached(step=step, seconds=time.perf_counter() - started, loss=loss, over_all=over_all)

    for step in range(1, config.steps + 1):
        point = trainer.step(step)
        assert point.loss is not None  # a bad step stops it
        losses.append(point.loss)
        if step % trainer.batches.per_epoch and step < config.steps:
            continue
        yield reached(step, mean := sum(losses) / len(losses), over_all=False)
        losses.clear()
        if mean < NEAR or step == config.steps:
            yield (whole := reached(step, trainer.held_out(), over_all=True))
            if whole.loss < WANTED:
                return


def main() -> None:
    """Trains; fails where the loss stays too high."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--most-steps", type=int, default=1600)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = TrainConfig(
        encoder=DEBUG.encoder,
        llm=DEBUG.llm,
        qformer_layers=DEBUG.qformer_layers,
        dtype="bfloat16",
        batch_size=2,
        micro_batch_size=2,
        bucket_batches=1,
        steps=options.most_steps,
        warmup_steps=10,
        learning_rate=options.learning_rate,
        loader_threads=0,
        device="cpu",
    )
    reached = None
    with tempfile.TemporaryDirectory() as folder:
        parts = open_parts(replace(DEBUG, dropout=0.0, dtype=config.dtype))
        for reached in overfit(parts, Path(folder), config, options.clips):
            over = "all clips" if reached.over_all else "the epoch"
            told = f"step {reached.step}: {reached.loss:.4f} nats a token over {over}, {reached.seconds:.0f} s"
            print(told, flush=True)
    if reached is None or not reached.over_all or reached.loss >= WANTED:
        sys.exit(f"the loss is not below {WANTED} nats a token")


if __name__ == "__main__":
    main()
