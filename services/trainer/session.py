"""A training run from its files: rows and clips in, checkpoint out. Heavy work happens inside `train`."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from earwitness.config import to_tree
from earwitness.errors import NotFound
from services.trainer.config import TrainConfig
from services.trainer.progress import StepBar


def train(config: TrainConfig, rows_folder: Path, audio_folder: Path, out: Path) -> Path:
    """Trains on `train.jsonl`, measures on `held_out.jsonl`, and returns the checkpoint's folder.

    Raises NotFound for missing models or rows, InvalidInput for rows that do not fit their clips.
    """
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from earwitness.desta.config import DestaConfig
    from earwitness.desta.model import DestaModel
    from earwitness.desta.splice import Splicer
    from earwitness.models import ModelRef, resolve
    from services.trainer import rows
    from services.trainer.examples import examples_from
    from services.trainer.loop import Data
    from services.trainer.loop import train as run

    lineage = _lineage(config, rows_folder / "train.jsonl")
    if _made_of(out / "checkpoint", lineage):
        return out / "checkpoint"
    train_rows, held_out_rows = rows.read(rows_folder / "train.jsonl"), rows.read(rows_folder / "held_out.jsonl")
    logging.disable_progress_bar()  # of loading weights, which takes a second
    torch.set_num_threads(config.threads or len(os.sched_getaffinity(0)))
    torch.manual_seed(config.seed)
    desta = DestaConfig(
        encoder=config.encoder,
        llm=config.llm,
        num_queries=config.num_queries,
        qformer_layers=config.qformer_layers,
        dtype=config.dtype,
    )
    folders = {name: str(resolve(ModelRef.parse(getattr(desta, name)))) for name in ("encoder", "llm")}
    local = replace(desta, encoder=folders["encoder"], llm=folders["llm"])
    model = DestaModel.load(local)
    tokenizer: Any = AutoTokenizer.from_pretrained(local.llm)
    splicer = Splicer(tokenizer, desta)
    data = Data(
        train=examples_from(train_rows, audio_folder, splicer),
        held_out=examples_from(held_out_rows, audio_folder, splicer),
    )
    with StepBar("training", config.steps) as bar:
        return run(model, data, config, desta, out, lineage, bar.show)


def _lineage(config: TrainConfig, train_rows: Path) -> dict[str, object]:
    """Returns what a checkpoint is made of; a missing file is left to whoever reads it."""
    rows = hashlib.sha256(train_rows.read_bytes()).hexdigest() if train_rows.is_file() else ""
    return {"train_rows_sha256": rows, "settings": to_tree(config)}


def _made_of(folder: Path, lineage: dict[str, object]) -> bool:
    """Says whether a finished checkpoint of the same rows and settings is there."""
    from earwitness.desta import checkpoint

    try:
        extra = checkpoint.read_card(folder).extra
    except NotFound:
        return False
    return all(extra.get(key) == value for key, value in lineage.items())
