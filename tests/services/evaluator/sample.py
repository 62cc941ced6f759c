"""A made-up experiment in the shape of a real one: seeded answers of some backbones, with every outcome in it."""

import random
from dataclasses import replace
from pathlib import Path

from services.evaluator.items import LETTERS, SETTINGS, Answer, Benchmark, Control, Item, Setting
from services.evaluator.measurement import measure
from services.evaluator.result import Description, Experiment, Point, RunResult, Timing, Usage

QUESTIONS = [
    ("Which musical term indicates a gradual increase in loudness?", ("Crescendo", "Legato", "Staccato", "Ritardando")),
    ("What does a kettle do when the water boils?", ("It whistles", "It barks", "It chimes", "It ticks")),
    ("In the word “banana”, which syllable is stressed?", ("Second syllable", "First syllable", "Third syllable")),
    ("Which noise has equal power at all frequencies?", ("White noise", "Pink noise", "Brown noise", "Blue noise")),
    ("What is the key of this piece?", ("C major", "A minor", "G major", "D")),
    ("Is the <b>speaker</b> asking a question & waiting?", ("Yes", "No")),
]
GROUPS = {
    "mini-akb": {
        "category": ("Sound", "Paralinguistic", "Phonetic", "Music", "Quality", "Technical"),
        "subcategory": tuple(f"Topic {n}" for n in range(1, 13)),
    },
    "mini-mmau": {"task": ("sound", "music", "speech"), "difficulty": ("medium", "hard", "easy")},
    "mini-mmar": {
        "modality": ("sound", "music", "speech", "mix-sound-speech"),
        "category": ("Signal Layer", "Perception Layer", "Semantic Layer", "Cultural Layer"),
    },
}
SIZES = {"mini-akb": 120, "mini-mmau": 48, "mini-mmar": 36}
BACKBONES = {
    "SmolLM2-135M-Instruct": 0.02,
    "Qwen3-0.6B": 0.28,
    "Qwen3-4B": 0.55,
    "OLMo-3-7B": 0.4,
    "Phi-4-mini": 0.45,
    "Llama-3.1-8B": 0.5,
}
KNOWN_BAD = {"mini-mmau-003": "two options are the same", "mini-mmau-004": "the clip is silent"}
LIFT: dict[Setting, float] = {"text": 0.12, "cascade": 0.2, "audio": 0.1}


def benchmark(name: str) -> Benchmark:
    random_ = random.Random(name)
    items: list[Item] = []
    for number in range(SIZES[name]):
        question, choices = QUESTIONS[number % len(QUESTIONS)]
        shuffled = random_.sample(choices, len(choices))
        items.append(
            Item(
                id=f"{name}-{number:03d}",
                question=question,
                choices=tuple(shuffled),
                answer=choices[0],
                groups={key: labels[number * len(labels) // SIZES[name]] for key, labels in GROUPS[name].items()},
            )
        )
    return Benchmark(
        name=name,
        version="1",
        sha256=f"{hash_of(name):064x}",
        items=tuple(items),
        breakdowns=tuple(GROUPS[name]),
        has_audio=name != "mini-akb",
        known_bad=KNOWN_BAD if name == "mini-mmau" else {},
    )


def answer(item: Item, skill: float, random_: random.Random) -> Answer:
    roll = random_.random()
    if roll < 0.02:
        return Answer(text="", finish_reason="error", error="UNAVAILABLE: the replica did not answer after 5 attempts")
    if roll < 0.05:
        return Answer(text="The clip is interesting. It may be useful to think about", finish_reason="length")
    if roll < 0.09:
        return Answer(text="I cannot hear audio, but I can help with text.", finish_reason="stop")
    knows = random_.random() < skill
    choice = item.choices.index(item.answer or "") if knows else random_.randrange(len(item.choices))
    label = choice if roll > 0.12 else (choice + 1) % len(item.choices)
    forms = ("({l}) {t}", "{l}", "The answer is ({l}) {t}.", "{t}", "**{l}.** {t}\n\n<script>alert(1)</script>")
    text = random_.choice(forms).format(l=LETTERS[label], t=item.choices[choice])
    return Answer(text=text, finish_reason="stop", prompt_tokens=90, completion_tokens=8)


def run(
    folder: Path, backbone: str, setting: Setting, name: str, control: Control = "none", sample: int = 0
) -> RunResult:
    random_ = random.Random(
        f"{backbone}/{setting}/{name}" + (f"/{control}/{sample}" if control != "none" or sample else "")
    )
    asked = benchmark(name)
    rotation = 1 if control == "shuffle" else 0
    put = replace(asked, items=tuple(item.rotated(rotation) for item in asked.items))
    skill = BACKBONES[backbone] + LIFT[setting] - (0.15 if control == "blind" else 0)
    cascade = setting == "cascade"
    return measure(
        put,
        {item.id: answer(item, skill, random_) for item in put.items},
        Description(
            setting=setting,
            backbone=backbone,
            fingerprint=f"{hash_of(backbone):064x}",
            prompt="figure-1@1",
            parameters={"temperature": 0.7 if sample else 0.0, "max_tokens": 64, "seed": sample},
            captioner="acoustic (whisper tiny.en, 5f2e9b71c0aa)" if cascade else "",
            caption_prompt="plain@1" if cascade else "",
            checkpoint=f"desta/{backbone} (vllm 0.32, 0badcafe1234)" if setting == "audio" else "",
            control=control,
            rotation=rotation,
            sample=sample,
        ),
        folder=folder,
        captions={item.id: "A woman speaks, calm, 4.2 s; low hum behind." for item in asked.items} if cascade else None,
    )


def usage(result: RunResult) -> Usage:
    n, heard = len(result.outcomes), result.setting != "text"
    return Usage(
        answers=result.answers,
        wall_s=n / 7.3,
        asked=n - 5,
        reused=5,
        retries=3,
        failed=result.total.failed,
        prompt_tokens=90 * n,
        completion_tokens=8 * n,
        audio_s=4.2 * n if heard else 0.0,
        captions=n if result.setting == "cascade" else 0,
    )


def experiment(folder: Path, backbones: int = 2, *, controls: bool = False, samples: int = 1) -> Experiment:
    """Writes the answers files into `folder`."""
    results: list[RunResult] = []
    for backbone in list(BACKBONES)[:backbones]:
        for setting in SETTINGS:
            for name in SIZES:
                if (setting == "text") == (name == "mini-akb"):
                    results.append(run(folder, backbone, setting, name))
        if controls:
            results.append(run(folder, backbone, "text", "mini-mmau", "blind"))
            results.append(run(folder, backbone, "text", "mini-akb", "shuffle"))
        results += [run(folder, backbone, "text", "mini-akb", sample=sample) for sample in range(1, samples)]
    random_ = random.Random(7)
    curve = tuple(Point(step=s, loss=1.1 + 2.4 / (1 + s / 40) + random_.gauss(0, 0.05)) for s in range(1, 401, 3))
    held_out = tuple(Point(step=s, loss=1.25 + 2.3 / (1 + s / 42)) for s in range(50, 401, 50))
    return Experiment(
        name="demo",
        results=tuple(results),
        curve=curve,
        held_out=held_out,
        lineage={"earwitness": "0.1.0", "training data": "sha256 9f18fda9…", "seed": "7", "dtype": "float32"},
        timings=(
            Timing(stage="caption", seconds=31.2, items=84),
            Timing(stage="distil", seconds=48.0, items=400),
            Timing(stage="train", seconds=210.5, items=3200),
        ),
        usage=tuple(usage(result) for result in results),
    )


def hash_of(text: str) -> int:
    return random.Random(text).getrandbits(256)
