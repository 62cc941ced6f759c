"""A task of distillation: what the backbone is asked about one clip, and what its answer becomes.

All of it is a function of manifest, pool and seed: the same tasks, in the same words and with the same seeds, in any
order, on any number of machines.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from earwitness.conversation import Turn
from earwitness.sampling import Generation, Sampling
from services.trainer import filters, rows
from services.trainer.instructions import SPEECH, Asked, Pool
from services.trainer.manifest import Sample

SEED_BYTES = 6
"""Every engine takes a seed of 48 bits, and JSON carries it exactly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing to ask about one sample."""

    id: str
    sample: Sample
    asked: Asked


def plan(samples: Sequence[Sample], pool: Pool, *, per_sample: int, seed: int) -> list[Task]:
    """Returns what is asked, in the order of the samples: the same for the same samples, pool and seed."""
    return [
        Task(id=f"{sample.id}-{number}", sample=sample, asked=asked)
        for sample in samples
        for number, asked in enumerate(pool.draw(sample.id, _known(sample), per_sample, seed))
    ]


def conversation(task: Task) -> tuple[Turn, ...]:
    """Returns what the language model sees: the description where the audio language model has the clip."""
    shown = f"<start_audio>{task.sample.description}<end_audio>\n\n{task.asked.text}"
    return (Turn(role="system", content=rows.SYSTEM), Turn(role="user", content=shown))


def seeded(sampling: Sampling, task_id: str) -> Sampling:
    """Returns the sampling with the task's own seed, so that no draw depends on another's."""
    digest = hashlib.sha256(f"{sampling.seed}:{task_id}".encode()).digest()
    return replace(sampling, seed=int.from_bytes(digest[:SEED_BYTES]))


def settled(task: Task, generation: Generation, dataset: str, max_tokens: int) -> rows.Row | rows.Dropped:
    """Returns the row that an answer makes, or why it makes none. `dataset` names samples that name none."""
    sample, prompt, response = task.sample, task.asked.text, generation.text.strip()
    reason = filters.verdict(
        filters.Answer(
            description=sample.description,
            prompt=prompt,
            response=response,
            transcript=sample.transcript,
            finish_reason=generation.finish_reason,
        )
    )
    if reason:
        return rows.Dropped(
            id=task.id,
            reason=reason,
            max_tokens=max_tokens,
            dataset=sample.dataset or dataset,
            seed_description=sample.description,
            prompt=prompt,
            response=response,
        )
    clip = rows.RowAudio(audio=sample.audio, text=sample.transcript or rows.SILENT)
    return rows.Row(
        id=task.id,
        dataset=sample.dataset or dataset,
        seed_description=sample.description,
        prompt=prompt,
        response=response,
        messages=(
            rows.RowMessage(role="system", content=rows.SYSTEM),
            rows.RowMessage(role="user", content=f"<|AUDIO|>\n\n{prompt}", audios=(clip,)),
        ),
    )


def _known(sample: Sample) -> set[str]:
    return sample.known() | ({SPEECH} if sample.transcript else set())
