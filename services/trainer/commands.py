"""`earwitness train`: build a corpus, distil targets, train a connector."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from earwitness.errors import InvalidInput

ADDRESS = "127.0.0.1:9000"
READY_WITHIN_S = 120.0


def register(commands: Any) -> None:
    """Adds the commands."""
    train = commands.add_parser("train", help="make an audio language model: corpus, distil, run")
    steps = train.add_subparsers(title="steps", metavar="STEP", required=True)
    corpus = steps.add_parser("corpus", help="build a synthetic corpus with sure metadata")
    corpus.add_argument("folder", type=Path)
    corpus.add_argument("--clips", type=int, default=240)
    corpus.add_argument("--seed", type=int, default=0)
    corpus.set_defaults(execute=execute_corpus)
    distil = steps.add_parser("distil", help="let the backbone answer about the described clips")
    distil.add_argument("manifest", type=Path)
    distil.add_argument("out", type=Path, help="folder for train.jsonl and held_out.jsonl")
    distil.add_argument("--llm", default=ADDRESS, metavar="HOST:PORT", help="(default: %(default)s)")
    distil.add_argument("--per-sample", type=int, default=1, help="instructions per clip (default: %(default)s)")
    distil.add_argument("--max-tokens", type=int, default=64)
    distil.add_argument("--seed", type=int, default=0)
    distil.set_defaults(execute=execute_distil)
    run = steps.add_parser("run", help="train the connector on distilled rows")
    run.add_argument("rows", type=Path, help="folder with train.jsonl and held_out.jsonl")
    run.add_argument("audio", type=Path, help="the corpus folder that the rows' clips lie in")
    run.add_argument("out", type=Path, help="folder for the curve, the state and the checkpoint")
    run.add_argument("--config", type=Path, metavar="FILE", help="YAML with the settings of services/trainer/config.py")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, such as steps=200")
    run.set_defaults(execute=execute_run)


def execute_corpus(options: argparse.Namespace) -> None:
    """Builds a corpus and says where its manifest is."""
    from services.trainer.corpus.build import build
    from services.trainer.progress import CountBar

    with CountBar("clips", options.clips) as bar:
        print(build(options.folder, num_clips=options.clips, seed=options.seed, progress=bar.show))


def execute_distil(options: argparse.Namespace) -> None:
    """Distils targets for both splits."""
    for name, value in (("--per-sample", options.per_sample), ("--max-tokens", options.max_tokens)):
        if value < 1:
            raise InvalidInput("must be at least 1", name)
    asyncio.run(
        distil(
            options.manifest,
            options.out,
            options.llm,
            per_sample=options.per_sample,
            max_tokens=options.max_tokens,
            seed=options.seed,
        )
    )


async def distil(manifest: Path, out: Path, address: str, *, per_sample: int, max_tokens: int, seed: int) -> None:
    """Writes `train.jsonl` and `held_out.jsonl` below `out`, with a progress bar each; goes on where it was."""
    from earwitness.clients import LlmClient
    from earwitness.sampling import Sampling
    from services.trainer.distil import Distillation
    from services.trainer.manifest import read
    from services.trainer.progress import CountBar

    samples = read(manifest)
    client = LlmClient.at(address)
    try:
        await client.ready(READY_WITHIN_S)
        for split in ("train", "held_out"):
            chosen = [sample for sample in samples if sample.split == split]
            with CountBar(f"targets, {split.replace('_', ' ')}", len(chosen) * per_sample) as bar:
                distillation = Distillation(
                    client=client,
                    path=out / f"{split}.jsonl",
                    dataset=manifest.resolve().parent.name,
                    sampling=Sampling(max_tokens=max_tokens),
                    on_progress=bar.show,
                )
                await distillation.execute(chosen, per_sample=per_sample, seed=seed)
            print(f"    {distillation.kept} targets kept, {distillation.dropped} dropped as cut or empty")
    finally:
        await client.close()


def execute_run(options: argparse.Namespace) -> None:
    """Trains, from where a killed run stopped."""
    from earwitness.config import load
    from services.trainer.config import TrainConfig
    from services.trainer.session import train

    config = load(TrainConfig, options.config, options.set, env_prefix="EARWITNESS_TRAIN")
    print(f"  checkpoint: {train(config, options.rows, options.audio, options.out)}")
