"""Real parts to train on: the bundled models in the shape of the reference's debug configuration, and rows that the
LLM itself wrote about clips of the bundled corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.desta.config import DestaConfig
from earwitness.models import ModelRef, resolve
from services.trainer import instructions, rows, tasks
from services.trainer.manifest import Sample

if TYPE_CHECKING:
    from earwitness.desta.model import DestaModel
    from earwitness.desta.splice import Splicer

DEBUG = DestaConfig(encoder="whisper-tiny-en", llm="smollm2-135m-instruct", qformer_layers=2, num_queries=64)
"""Whisper tiny, a small LLM, two Q-Former layers, 64 queries: as in kehanlu/DeSTA2.5-Audio, examples/train/config."""
DISTILLED_AT_ONCE = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """An untrained model, and what writes its prompts."""

    model: "DestaModel"
    splicer: "Splicer"
    tokenizer: Any


def open_parts(config: DestaConfig = DEBUG, *, seed: int = 0) -> Parts:
    """Returns a model of the bundled parts, ever the same for a seed."""
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from earwitness.desta.model import DestaModel
    from earwitness.desta.splice import Splicer

    logging.disable_progress_bar()
    folders = {name: str(resolve(ModelRef.parse(getattr(config, name)))) for name in ("encoder", "llm")}
    local = replace(config, **folders)
    tokenizer: Any = AutoTokenizer.from_pretrained(local.llm)
    torch.manual_seed(seed)
    return Parts(model=DestaModel.load(local), splicer=Splicer(tokenizer, config), tokenizer=tokenizer)


def distilled(
    parts: Parts, samples: Sequence[Sample], *, per_sample: int, max_tokens: int, seed: int = 0
) -> list[rows.Row]:
    """Returns the rows that the model's LLM makes of described clips, greedily, in this process."""
    import torch

    from earwitness.desta.splice import Message
    from earwitness.sampling import Generation

    planned = tasks.plan(samples, instructions.pool(), per_sample=per_sample, seed=seed)
    kept: list[rows.Row] = []
    for start in range(0, len(planned), DISTILLED_AT_ONCE):
        few = planned[start : start + DISTILLED_AT_ONCE]
        turns = [[Message(role=turn.role, content=turn.content) for turn in tasks.conversation(task)] for task in few]
        prompts = [parts.splicer.splice(each, []) for each in turns]
        eos = parts.tokenizer.eos_token_id
        answers = parts.model.generate(prompts, torch.empty(0), eos=eos, max_new_tokens=max_tokens)
        for task, ids in zip(few, answers, strict=True):
            reason = "length" if len(ids) == max_tokens else "stop"
            text = parts.tokenizer.decode(ids, skip_special_tokens=True)
            said = Generation(text=text, finish_reason=reason, prompt_tokens=0, completion_tokens=len(ids))
            settled = tasks.settled(task, said, "corpus", max_tokens)
            if isinstance(settled, rows.Row):
                kept.append(settled)
    return kept


def corpus(folder: Path, num_clips: int, seed: int = 0) -> tuple[Sample, ...]:
    """Builds the bundled corpus and returns its samples."""
    from services.trainer.corpus.build import build
    from services.trainer.manifest import read

    return read(build(folder, num_clips=num_clips, seed=seed))
