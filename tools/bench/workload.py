"""What is asked: questions that all harnesses are given alike, and the answers that they must come to.

The mock's answer is right for every fourth question: a harness that asked and scored everything finds that share.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SYSTEM = (
    "Answer the multiple-choice question. "
    "Reply with the letter in parentheses and the text of one option, and nothing else."
)
"""The system turn of `figure-1@1` in services/evaluator/prompts.yaml, which the other harnesses send too."""
SOUNDS = (
    "rain on leaves",
    "a struck bell",
    "a bowed string",
    "footsteps on gravel",
    "an idling engine",
    "a dog's bark",
)
MOCK_CHOICE = "thunder"
RATE_HZ = 16_000
CLIP_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """A file of questions in the format of one of Earwitness's benchmarks."""

    benchmark: str
    """`akb` for text, `mmau` for clips."""
    path: Path
    num_items: int

    @property
    def setting(self) -> str:
        """The setting in which Earwitness asks it."""
        return "audio" if self.benchmark == "mmau" else "text"


def write_text(folder: Path, num_items: int) -> Workload:
    """Writes multiple-choice questions, one JSON object a line: the format of the `akb` benchmark."""
    path = folder / "items.jsonl"
    with path.open("w") as file:
        for number in range(num_items):
            file.write(json.dumps(_question(number)) + "\n")
    return Workload(benchmark="akb", path=path, num_items=num_items)


def write_audio(folder: Path, num_items: int) -> Workload:
    """Writes ten-second clips, 16 kHz mono 16-bit WAV, each another tone in noise, and a question about each.

    The format is that of the `mmau` benchmark. A clip takes 320 kB.
    """
    import soundfile

    (folder / "clips").mkdir()
    time_s = np.arange(int(RATE_HZ * CLIP_S)) / RATE_HZ
    rows: list[dict[str, object]] = []
    for number in range(num_items):
        noise = np.random.default_rng(number).normal(0.0, 0.02, time_s.size)
        samples = 0.3 * np.sin(2 * np.pi * (110 + number % 880) * time_s) + noise
        name = f"clips/{number:06d}.wav"
        soundfile.write(folder / name, samples.astype(np.float32), RATE_HZ, subtype="PCM_16")
        rows.append({**_question(number), "audio_id": name})
    path = folder / "items.json"
    path.write_text(json.dumps(rows))
    return Workload(benchmark="mmau", path=path, num_items=num_items)


def prompt(question: str, choices: list[str]) -> str:
    """Returns the user turn that Earwitness would send: `figure-1@1` in the text setting."""
    lettered = "\n".join(f"({letter}) {choice}" for letter, choice in zip("ABCD", choices, strict=True))
    return f"Question: {question}\n{lettered}"


def right_share(num_items: int) -> float:
    """Returns the share of questions whose right answer is the mock's."""
    return len(range(0, num_items, 4)) / num_items


def _question(number: int) -> dict[str, object]:
    """Returns question `number`: the mock's answer stands under B, and is right if four divides the number."""
    others = [SOUNDS[(number + step) % len(SOUNDS)] for step in range(3)]
    choices = [others[0], MOCK_CHOICE, *others[1:]]
    return {
        "id": f"bench-{number:06d}",
        "question": f"Which of these is most likely to be heard {number + 1} seconds after a flash of lightning?",
        "choices": choices,
        "answer": choices[(number + 1) % 4],
        "category": "sound",
        "subcategory": "weather",
    }
