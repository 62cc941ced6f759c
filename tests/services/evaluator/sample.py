"""A made-up experiment in the shape of a real one: seeded answers of two backbones, with every outcome in it."""

import random

from services.evaluator.items import LETTERS, SETTINGS, Answer, Benchmark, Item, Setting
from services.evaluator.result import Experiment, Point, RunResult, Timing, measure

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
BACKBONES = {"SmolLM2-135M-Instruct": 0.02, "Qwen3-0.6B": 0.28}
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
        name=name, version="1", sha256=f"{hash_of(name):064x}", items=tuple(items), breakdowns=tuple(GROUPS[name])
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


def run(backbone: str, setting: Setting, name: str) -> RunResult:
    random_ = random.Random(f"{backbone}/{setting}/{name}")
    asked = benchmark(name)
    skill = BACKBONES[backbone] + LIFT[setting]
    cascade = setting == "cascade"
    return measure(
        asked,
        {item.id: answer(item, skill, random_) for item in asked.items},
        setting=setting,
        backbone=backbone,
        fingerprint=f"{hash_of(backbone):064x}",
        prompt="letters",
        parameters={"temperature": 0.0, "max_tokens": 64},
        captioner="acoustic, whisper-tiny.en" if cascade else "",
        checkpoint=f"desta/{backbone} step 400" if setting == "audio" else "",
        captions={item.id: "A woman speaks, calm, 4.2 s; low hum behind." for item in asked.items} if cascade else None,
    )


def experiment(backbones: int = 2) -> Experiment:
    results = tuple(
        run(backbone, setting, name)
        for backbone in list(BACKBONES)[:backbones]
        for setting in SETTINGS
        for name in SIZES
        if (setting == "text") == (name == "mini-akb")
    )
    random_ = random.Random(7)
    curve = tuple(Point(step=s, loss=1.1 + 2.4 / (1 + s / 40) + random_.gauss(0, 0.05)) for s in range(1, 401, 3))
    held_out = tuple(Point(step=s, loss=1.25 + 2.3 / (1 + s / 42)) for s in range(50, 401, 50))
    return Experiment(
        name="demo",
        results=results,
        curve=curve,
        held_out=held_out,
        lineage={"earwitness": "0.1.0", "training data": "sha256 9f18fda9…", "seed": "7", "dtype": "float32"},
        timings=(
            Timing(stage="caption", seconds=31.2, items=84),
            Timing(stage="answer, text", seconds=22.8, items=240),
            Timing(stage="answer, cascade", seconds=19.1, items=168),
            Timing(stage="distil", seconds=48.0, items=400),
            Timing(stage="train", seconds=210.5, items=3200),
            Timing(stage="answer, audio", seconds=40.7, items=168),
        ),
    )


def hash_of(text: str) -> int:
    return random.Random(text).getrandbits(256)
