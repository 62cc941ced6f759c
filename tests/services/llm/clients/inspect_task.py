"""Questions with options as a task of inspect-ai, which loads this file in an environment of its own."""

# pyright: reportMissingImports=false
import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice


@task
def sounds(items: str) -> Task:
    rows = [json.loads(line) for line in Path(items).read_text().splitlines()]
    samples = [Sample(input=row["question"], choices=row["choices"], target="ABCD"[row["answer"]]) for row in rows]
    return Task(dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=choice())
