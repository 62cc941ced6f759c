"""Self-distillation, first half: the backbone answers about clips that are described to it in words.

What it says becomes the target that the audio language model, made from the same backbone, learns to say when it hears
the clip itself (DeSTA2.5-Audio, arXiv:2507.02768). It knows no audio: only manifests, a language model and rows.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.batcher import Batcher
from earwitness.sampling import Generation, Sampling
from services.trainer import provenance, rows
from services.trainer.backbone import Backbone
from services.trainer.instructions import Pool, pool
from services.trainer.journal import Journal
from services.trainer.manifest import SPLITS, Sample, Split
from services.trainer.provenance import Provenance
from services.trainer.tasks import Task, plan, settled

WRITTEN_AT_ONCE = 256


@dataclass(kw_only=True, slots=True)
class Distillation:
    """Targets for a manifest's samples, in one journal."""

    backbone: Backbone
    path: Path
    """The file of rows."""
    dataset: str
    """The name of samples that name no data set."""
    sampling: Sampling
    pool: Pool = field(default_factory=pool)
    on_progress: Callable[[int, int], None] = lambda done, total: None
    kept: int = 0
    dropped: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])
    """What was dropped, by the rule that it broke."""
    _journal: Journal = field(init=False)
    _record: Batcher[rows.Row | rows.Dropped, None] = field(init=False)

    def __post_init__(self) -> None:
        self._journal = Journal(self.path)
        self._record = Batcher(self._journal.append, WRITTEN_AT_ONCE)

    async def execute(self, samples: Sequence[Sample], *, per_sample: int) -> None:
        """Asks what the files lack. Killed, it may be started again: only what was in flight is asked again.

        Raises InvalidInput for a file about other clips, and what the backbone raises.
        """
        tasks = plan(samples, self.pool, per_sample=per_sample, seed=self.sampling.seed)
        found = self._journal.open(tasks, self.sampling.max_tokens)
        self.kept, self.dropped = len(found.kept), len(found.dropped)
        self.reasons = Counter(found.dropped.values())
        self.on_progress(self.kept + self.dropped, len(tasks))

        async def on_answer(task: Task, generation: Generation) -> None:
            await self._settle(task, generation)
            self.on_progress(self.kept + self.dropped, len(tasks))

        left = [task for task in tasks if task.id not in found.kept and task.id not in found.dropped]
        if left:
            await self.backbone.answer(left, self.sampling, on_answer)
        self._journal.arrange(tasks)

    async def _settle(self, task: Task, generation: Generation) -> None:
        """Writes an answer down before it counts."""
        outcome = settled(task, generation, self.dataset, self.sampling.max_tokens)
        await self._record.submit(outcome)
        if isinstance(outcome, rows.Dropped):
            self.dropped += 1
            self.reasons[outcome.reason] += 1
        else:
            self.kept += 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to ask, and how."""

    samples: Sequence[Sample]
    dataset: str
    per_sample: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    pool: Pool = field(default_factory=pool)


OnSplit = Callable[[Split, int], Callable[[int, int], None]]
"""Is told a split and its number of samples, and returns what is to be told of its progress."""


async def distil(backbone: Backbone, asked: Plan, out: Path, on_split: OnSplit) -> dict[Split, Distillation]:
    """Writes the targets of both splits below `out`, `train.jsonl` and `held_out.jsonl`, and what they were made with.

    Raises InvalidInput where `out` holds targets that were made with something else, and what the backbone raises.
    """
    made_with = Provenance(backbone=await backbone.identity(), sampling=asked.sampling, pool=asked.pool)
    provenance.begin(out, made_with)
    done: dict[Split, Distillation] = {}
    for split in SPLITS:
        chosen = [sample for sample in asked.samples if sample.split == split]
        done[split] = Distillation(
            backbone=backbone,
            path=out / f"{split}.jsonl",
            dataset=asked.dataset,
            sampling=asked.sampling,
            pool=asked.pool,
            on_progress=on_split(split, len(chosen)),
        )
        await done[split].execute(chosen, per_sample=asked.per_sample)
    return done
