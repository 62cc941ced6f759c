"""Self-distillation, first half: the backbone answers about clips that are described to it in words.

What it says becomes the target that the audio language model, made from the same backbone, learns to say when it hears
the clip itself (DeSTA2.5-Audio, arXiv:2507.02768). It knows no audio: only manifests, a language model and rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.batcher import Batcher
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.fanout import Retries, fan_out, persist
from earwitness.sampling import Generation, Sampling
from services.trainer import rows
from services.trainer.instructions import pool
from services.trainer.manifest import Sample

IN_FLIGHT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing to ask about one sample."""

    id: str
    sample: Sample
    instruction: str


@dataclass(kw_only=True, slots=True)
class Distillation:
    """Targets for a manifest's samples, written to one JSONL file as they come, and what was dropped to one beside."""

    client: LlmClient
    path: Path
    dataset: str
    sampling: Sampling
    on_progress: Callable[[int, int], None] = lambda done, total: None
    retries: Retries = field(default_factory=Retries)
    kept: int = 0
    dropped: int = 0
    """Answers that were cut at the token limit, or empty: the model would learn to stop in mid-sentence."""
    _record: Batcher[rows.Row | rows.Dropped, None] = field(init=False)

    def __post_init__(self) -> None:
        self._record = Batcher(self._append, IN_FLIGHT)

    @property
    def dropped_path(self) -> Path:
        """The file of dropped answers, which are asked for again under a higher token limit only."""
        return self.path.with_suffix(".dropped.jsonl")

    async def execute(self, samples: Sequence[Sample], *, per_sample: int, seed: int) -> None:
        """Asks what the files lack. Killed, it may be started again: only what was in flight is asked again.

        Raises InvalidInput for a file about other clips, and what the language model raises.
        """
        tasks = plan(samples, per_sample=per_sample, seed=seed)
        settled = self._settled(tasks)
        self.on_progress(len(settled), len(tasks))

        async def settle(task: Task) -> None:
            await self._settle(task)
            self.on_progress(self.kept + self.dropped, len(tasks))

        await fan_out([task for task in tasks if task.id not in settled], settle, IN_FLIGHT)
        self._arrange(tasks)

    def _arrange(self, tasks: Sequence[Task]) -> None:
        """Puts the finished file into the order of the tasks: answers come as they please, the same rows must not."""
        place = {task.id: at for at, task in enumerate(tasks)}
        rows.replace(self.path, sorted(rows.read(self.path), key=lambda row: place.get(row.id, len(place))))

    def _settled(self, tasks: Sequence[Task]) -> set[str]:
        """Mends the files, makes those that are missing, and returns the ids of the tasks that they answer."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in (self.path, self.dropped_path):
            path.touch()
            rows.mend(path)
        asked = {task.id: task for task in tasks}
        answered = [row for row in rows.read(self.path) if row.id in asked]
        for row in answered:
            if row.seed_description != asked[row.id].sample.description:
                text = f"{row.id} is about another clip than that of the manifest"
                raise InvalidInput(text, str(self.path), "distil another corpus into another folder")
        kept = {row.id for row in answered}
        limit = self.sampling.max_tokens
        dropped = {each.id for each in rows.read(self.dropped_path, rows.Dropped) if each.max_tokens >= limit}
        dropped = (dropped & asked.keys()) - kept
        self.kept, self.dropped = len(kept), len(dropped)
        return kept | dropped

    async def _settle(self, task: Task) -> None:
        turns = [Turn(role="system", content=rows.SYSTEM), Turn(role="user", content=described(task))]
        generation = await persist(lambda: self.client.generate(turns, self.sampling), self.retries)
        if generation.finish_reason == "length" or not generation.text.strip():
            await self._record.submit(rows.Dropped(id=task.id, max_tokens=self.sampling.max_tokens))
            self.dropped += 1
            return
        await self._record.submit(self._row(task, generation))
        self.kept += 1

    def _append(self, batch: Sequence[rows.Row | rows.Dropped]) -> list[None]:
        rows.append(self.path, [each for each in batch if isinstance(each, rows.Row)])
        rows.append(self.dropped_path, [each for each in batch if isinstance(each, rows.Dropped)])
        return [None] * len(batch)

    def _row(self, task: Task, generation: Generation) -> rows.Row:
        audio = rows.RowAudio(audio=task.sample.audio, text=task.sample.transcript or " ")
        return rows.Row(
            id=task.id,
            dataset=self.dataset,
            seed_description=task.sample.description,
            prompt=task.instruction,
            response=generation.text.strip(),
            messages=(
                rows.RowMessage(role="system", content=rows.SYSTEM),
                rows.RowMessage(role="user", content=f"<|AUDIO|>\n\n{task.instruction}", audios=(audio,)),
            ),
        )


def plan(samples: Sequence[Sample], *, per_sample: int, seed: int) -> list[Task]:
    """Returns what is asked, in the order of the samples: the same for the same samples and seed."""
    return [
        Task(id=f"{sample.id}-{number}", sample=sample, instruction=instruction)
        for sample in samples
        for number, instruction in enumerate(pool().draw(sample.id, per_sample, seed))
    ]


def described(task: Task) -> str:
    """Returns what the language model sees: the description where the audio language model has the clip."""
    return f"<start_audio>{task.sample.description}<end_audio>\n\n{task.instruction}"
