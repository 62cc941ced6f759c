"""What was measured, as values that can be kept: a RunResult for one run, an Experiment for the runs of a report.

The results are a function of the answers alone: the same answers give the same bytes, whenever and wherever they were
computed. Time and throughput are therefore no part of them; an experiment's timings go to a file of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from pathlib import Path

import msgspec

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.items import Answer, Benchmark, Item, Setting
from services.evaluator.scoring import Score, Tally, breakdown, chance, score, tally

RESULTS, TIMINGS = "results.json", "timings.json"
Parameter = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemResult:
    """One item with its answer and score: all that a reader needs to judge them."""

    id: str
    question: str
    choices: tuple[str, ...]
    gold: str | None
    groups: dict[str, str]
    answer: Answer
    score: Score
    caption: str = ""
    """What the cascade told the backbone about the clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """One backbone on one benchmark in one setting."""

    backbone: str
    fingerprint: str
    """Of the backbone: weights, tokenizer and template, the same in all three settings."""
    benchmark: str
    benchmark_version: str
    benchmark_sha256: str
    setting: Setting
    prompt: str
    """The prompt template's name."""
    parameters: dict[str, Parameter]
    chance: float | None
    """The expected accuracy of guessing; None where the answers are withheld."""
    total: Tally
    breakdowns: dict[str, dict[str, Tally]]
    """By key, then by group, in the benchmark's order."""
    items: tuple[ItemResult, ...]
    captioner: str = ""
    """In the cascade: which captioner, with its fingerprint."""
    checkpoint: str = ""
    """In the audio setting: which LALM, with what it was made from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A loss at an optimiser step."""

    step: int
    loss: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """How long a stage took, and over how many items."""

    stage: str
    seconds: float
    items: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """The runs that one report is about, and how the LALM in them was trained."""

    name: str
    results: tuple[RunResult, ...]
    curve: tuple[Point, ...] = ()
    """Training loss in nats per token."""
    held_out: tuple[Point, ...] = ()
    """Loss on samples that were not trained on."""
    lineage: dict[str, str] = field(default_factory=dict[str, str])
    """What the results depend on, by name: versions, hashes, seeds."""
    timings: tuple[Timing, ...] = ()
    """Kept apart from the results: see `encode`."""


def measure(
    benchmark: Benchmark,
    answers: Mapping[str, Answer],
    *,
    setting: Setting,
    backbone: str,
    fingerprint: str,
    prompt: str,
    parameters: Mapping[str, Parameter],
    captioner: str = "",
    checkpoint: str = "",
    captions: Mapping[str, str] | None = None,
) -> RunResult:
    """Returns the result of a run whose answers are complete.

    `answers` and `captions` go by item id. Raises `InvalidInput` if an item has no answer.
    """
    missing = [item.id for item in benchmark.items if item.id not in answers]
    if missing:
        text = f"{len(missing)} of {len(benchmark.items)} items have none, the first is '{missing[0]}'"
        raise InvalidInput(text, "answers", "finish the run, and record failed calls as failed answers")
    scores = [score(item, answers[item.id]) for item in benchmark.items]
    told = captions or {}
    guess = chance(benchmark.items)
    return RunResult(
        backbone=backbone,
        fingerprint=fingerprint,
        benchmark=benchmark.name,
        benchmark_version=benchmark.version,
        benchmark_sha256=benchmark.sha256,
        setting=setting,
        prompt=prompt,
        parameters=dict(sorted(parameters.items())),
        chance=None if isnan(guess) else guess,
        total=tally(scores),
        breakdowns={key: breakdown(benchmark.items, scores, key) for key in benchmark.breakdowns},
        items=tuple(
            _item(item, answers[item.id], each, told.get(item.id, ""))
            for item, each in zip(benchmark.items, scores, strict=True)
        ),
        captioner=captioner,
        checkpoint=checkpoint,
    )


def encode(experiment: Experiment) -> bytes:
    """Returns the results as JSON, without the timings: the same bytes for the same answers."""
    bare = replace(experiment, timings=(), lineage=dict(sorted(experiment.lineage.items())))
    return msgspec.json.format(msgspec.json.encode(bare), indent=1) + b"\n"


def decode(results: bytes, timings: bytes = b"[]") -> Experiment:
    """Returns the experiment that `encode` and `encode_timings` wrote; raises `InvalidInput`."""
    try:
        experiment = msgspec.json.decode(results, type=Experiment)
        return replace(experiment, timings=msgspec.json.decode(timings, type=tuple[Timing, ...]))
    except msgspec.DecodeError as error:
        raise InvalidInput(f"these are no results: {error}", "results", f"give a {RESULTS} of this version") from error


def encode_timings(timings: Sequence[Timing]) -> bytes:
    """Returns the timings as JSON."""
    return msgspec.json.format(msgspec.json.encode(timings), indent=1) + b"\n"


def save(experiment: Experiment, folder: Path) -> None:
    """Writes `results.json` and `timings.json` into a folder, made if need be; each file is whole or absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((TIMINGS, encode_timings(experiment.timings)), (RESULTS, encode(experiment))):
        scratch = folder / f".{name}.partial"
        scratch.write_bytes(data)
        scratch.replace(folder / name)


def load(folder: Path) -> Experiment:
    """Returns the experiment that `save` wrote; raises `NotFound` or `InvalidInput`."""
    try:
        results = (folder / RESULTS).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no {RESULTS} in {folder}", "folder", "give the folder of a finished run") from error
    timings = folder / TIMINGS
    return decode(results, timings.read_bytes() if timings.exists() else b"[]")


def _item(item: Item, answer: Answer, each: Score, caption: str) -> ItemResult:
    return ItemResult(
        id=item.id,
        question=item.question,
        choices=item.choices,
        gold=item.answer,
        groups=dict(item.groups),
        answer=answer,
        score=each,
        caption=caption,
    )
