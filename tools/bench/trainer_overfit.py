"""Whether the trainer can learn at all: 32 clips by heart, to under 0.05 nats a token, on a CPU.

    python -m tools.bench.trainer_overfit [--clips 32] [--most-steps 400]

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
MAX_TOKENS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How far it came."""

    step: int
    seconds: float
    loss: float
    """Over all clips, in nats a token."""


def overfit(parts: Parts, folder: Path, config: TrainConfig, clips: int) -> Iterator[Reached]:
    """Trains and yields the loss over all clips, once an epoch, until it is low enough or the steps are done.

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
    started = time.perf_counter()
    for step in range(1, config.steps + 1):
        trainer.step(step)
        if step % trainer.batches.per_epoch == 0 or step == config.steps:
            loss = trainer.held_out()
            assert loss is not None
            yield Reached(step=step, seconds=time.perf_counter() - started, loss=loss)
            if loss < WANTED:
                return


def main() -> None:
    """Trains; fails where the loss stays too high."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--most-steps", type=int, default=400)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = TrainConfig(
        encoder=DEBUG.encoder,
        llm=DEBUG.llm,
        qformer_layers=DEBUG.qformer_layers,
        dtype="float32",
        batch_size=8,
        micro_batch_size=8,
        bucket_batches=1,
        steps=options.most_steps,
        warmup_steps=10,
        learning_rate=options.learning_rate,
        loader_threads=0,
        device="cpu",
    )
    reached = None
    with tempfile.TemporaryDirectory() as folder:
        for reached in overfit(open_parts(replace(DEBUG, dropout=0.0)), Path(folder), config, options.clips):
            print(f"step {reached.step}: {reached.loss:.4f} nats a token after {reached.seconds:.0f} s", flush=True)
    if reached is None or reached.loss >= WANTED:
        sys.exit(f"the loss is not below {WANTED} nats a token")


if __name__ == "__main__":
    main()
