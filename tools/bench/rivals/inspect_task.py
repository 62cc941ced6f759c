"""The questions of the benchmark as a task of inspect-ai, which loads this file in an environment of its own."""

# pyright: reportMissingImports=false
import json
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ContentAudio, ContentText
from inspect_ai.scorer import accuracy, pattern
from inspect_ai.solver import generate

LETTERS = "ABCD"


@task
def bench(items: str, system: str) -> Task:
    """Asks the questions of a JSONL file, or of a JSON list with a clip to each, as Earwitness words them."""
    path = Path(items)
    rows = json.loads(path.read_text()) if path.suffix == ".json" else map(json.loads, path.read_text().splitlines())
    samples: list[Sample] = []
    for row in rows:
        lettered = "\n".join(f"({letter}) {choice}" for letter, choice in zip(LETTERS, row["choices"], strict=True))
        text = f"Question: {row['question']}\n{lettered}"
        clip = [ContentAudio(audio=str(path.parent / row["audio_id"]), format="wav")] if "audio_id" in row else []
        content = [*clip, ContentText(text=text)] if clip else text
        samples.append(
            Sample(
                id=row["id"],
                input=[ChatMessageSystem(content=system), ChatMessageUser(content=content)],
                target=LETTERS[row["choices"].index(row["answer"])],
            )
        )
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=pattern(r"\(([A-D])\)"), metrics=[accuracy()])
