"""A training run from its files: rows and clips in, checkpoint out. Heavy work happens inside the functions."""

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.config import to_tree
from earwitness.errors import NotFound
from services.trainer.config import TrainConfig
from services.trainer.curve import Point
from services.trainer.progress import StepBar

if TYPE_CHECKING:
    from services.trainer.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run: what all its workers are told."""

    config: TrainConfig
    rows_folder: Path
    audio_folder: Path
    out: Path
    card: dict[str, Any]
    """The run's lineage, which its checkpoints carry."""


def train(config: TrainConfig, rows_folder: Path, audio_folder: Path, out: Path) -> Path:
    """Trains on `train.jsonl`, measures on `held_out.jsonl`, and returns the checkpoint's folder.

    In this process, or with `config.workers` of Ray Train. A finished run of the same lineage is not done again.

    Raises NotFound for missing models or rows, InvalidInput for rows that do not fit their clips, EngineFailure for a
    step that goes wrong.
    """
    from services.trainer.lineage import lineage_of

    for split in ("train", "held_out"):
        if not (path := rows_folder / f"{split}.jsonl").is_file():
            raise NotFound(
                "there is no such file of training rows", str(path), "make it with `earwitness train distil`"
            )
    card = lineage_of(config, rows_folder, audio_folder, models_of(config)).card()
    if _finished(out / "checkpoint", config, card):
        return out / "checkpoint"
    job = Job(
        config=config,
        rows_folder=rows_folder.absolute(),
        audio_folder=audio_folder.absolute(),
        out=out.absolute(),
        card=card,
    )
    with StepBar("training", config.steps) as bar:
        if config.workers:
            from services.trainer import ray_train

            ray_train.train(job, bar.show)
        else:
            from services.trainer.world import World, device_of

            work(job, World(device=device_of(config.device)), bar.show, bar.say)
    return out / "checkpoint"


def models_of(config: TrainConfig) -> dict[str, Path]:
    """Returns the folders of encoder and LLM, fetched or made first where that is needed."""
    from earwitness.models import ModelRef, resolve

    return {name: resolve(ModelRef.parse(getattr(config, name))) for name in ("encoder", "llm")}


def work(job: Job, world: "World", show: Callable[[Point], None], say: Callable[[str], None]) -> None:
    """Does one worker's part of a run; the one that leads shows its steps, and says what happens beside them."""
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from earwitness.desta.config import DestaConfig
    from earwitness.desta.model import DestaModel
    from earwitness.desta.splice import Splicer
    from services.trainer.examples import Data, RowExamples
    from services.trainer.loop import train as run

    config = job.config
    logging.disable_progress_bar()  # of loading weights, which takes a second
    torch.set_num_threads(config.threads or max(1, len(os.sched_getaffinity(0)) // world.size))
    desta = DestaConfig(
        encoder=config.encoder,
        llm=config.llm,
        num_queries=config.num_queries,
        qformer_layers=config.qformer_layers,
        dtype=config.dtype,
        lora=config.lora,
    )
    local = replace(desta, **{name: str(folder) for name, folder in models_of(config).items()})
    tokenizer: Any = AutoTokenizer.from_pretrained(local.llm)
    splicer = Splicer(tokenizer, desta)
    data = Data(
        train=RowExamples(job.rows_folder / "train.jsonl", job.audio_folder, splicer),
        held_out=RowExamples(job.rows_folder / "held_out.jsonl", job.audio_folder, splicer),
    )
    torch.manual_seed(config.seed)
    model = DestaModel.load(local)
    with _told(job, world, show, say) as (on_step, on_checkpoint):
        run(model, data, config, desta, job.out, job.card, on_step, on_checkpoint=on_checkpoint, world=world)


@contextmanager
def _told(
    job: Job, world: "World", show: Callable[[Point], None], say: Callable[[str], None]
) -> Generator[tuple[Callable[[Point], None], Callable[[int, Path], None]]]:
    """Yields what is to be called for every step and every checkpoint: bar, metrics, trackers, evaluations."""
    from services.trainer.evaluation import Evaluations
    from services.trainer.metrics import Metrics
    from services.trainer.tracking import Tracking

    config, run, metrics = job.config, str(job.card["run"]), Metrics(job.config.steps)
    with ExitStack() as stack:
        if world.leads and config.metrics_port is not None:
            port = stack.enter_context(metrics.served(config.metrics_port, config.metrics_host))
            say(f"metrics on http://{config.metrics_host}:{port}/metrics")
        tracking = Tracking(config if world.leads else replace(config, wandb_project="", mlflow_uri=""), run, job.card)
        stack.callback(tracking.close)
        evaluations = None
        if world.leads and config.evaluate:
            evaluations = stack.enter_context(Evaluations(config.evaluate, job.out / "evaluations", say))

        def on_step(point: Point) -> None:
            if point.skipped:
                say(f"step {point.step} changed no weight: {point.skipped}")
            for told in (show, metrics.show, tracking.show):
                told(point)

        def on_checkpoint(step: int, place: Path) -> None:
            metrics.saved(step)
            if evaluations:
                evaluations.submit(f"{run}-{place.name}", place, last=step == config.steps)

        yield on_step, on_checkpoint


def _finished(folder: Path, config: TrainConfig, card: dict[str, object]) -> bool:
    """Says whether a finished checkpoint of the same run is there."""
    from earwitness.desta import checkpoint

    try:
        extra = checkpoint.read_card(folder).extra
    except NotFound:
        return False
    return extra.get("run") == card["run"] and extra.get("step") == config.steps


def tree_of(job: Job) -> dict[str, Any]:
    """Returns a job as JSON values, for another process."""
    return to_tree(job)
