"""What was measured, as values that can be kept: a RunResult for one run, an Experiment for the runs of a report.

The results are a function of the answers alone: the same answers give the same bytes, whenever and wherever they were
computed. Time, retries and cost are therefore no part of them; they go to a file of their own.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from earwitness.errors import InvalidInput, NotFound
from services.evaluator import answers
from services.evaluator.items import Answering, Benchmark, Control, Setting
from services.evaluator.scoring import Tally

RESULTS, TIMINGS = "results.json", "timings.json"
Parameter = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """How a run asked: all that sets it apart from another run of the same benchmark."""

    backbone: str
    fingerprint: str
    """Of the backbone: weights, tokenizer and template, the same in all three settings."""
    setting: Setting
    prompt: str
    """The prompt template's name."""
    parameters: dict[str, Parameter]
    captioner: str = ""
    """In the cascade: which captioner, with its fingerprint."""
    caption_prompt: str = ""
    checkpoint: str = ""
    """In the audio setting: which LALM, with what it was made from."""
    control: Control = "none"
    rotation: int = 0
    """By how many places the options were moved on."""
    answering: Answering = "generate"
    sample: int = 0

    def file(self, benchmark: Benchmark) -> str:
        """Returns the name of the run's answers file, relative to the results folder."""
        digest = hashlib.sha256(msgspec.json.encode((self, benchmark.sha256))).hexdigest()
        return f"{answers.FOLDER}/{benchmark.name}-{self.setting}-{digest[:12]}.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """How one extractor did on a run's answers."""

    read: int
    correct: int
    overruled: int
    """Times that it read one option and another extractor's counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """How the answers of a run were read, and where that can be doubted."""

    read_by: dict[str, int]
    """How many choices each extractor decided."""
    disagreeing: int
    """Answers in which two extractors chose different options."""
    ours_alone: int
    """Answers that are correct here and not by the official string match."""
    official_alone: int
    """The reverse."""
    readers: dict[str, Reader]
    pairs: dict[str, int]
    """Answers in which two extractors ("letter | text") chose different options; pairs that never did are left out."""
    chosen: dict[str, int]
    """How often each letter was chosen."""
    gold: dict[str, int]
    """How often each letter was right."""
    right: dict[str, int]
    """How often the answer was correct where the letter was right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult(Description):
    """One backbone on one benchmark in one setting."""

    benchmark: str
    benchmark_version: str
    benchmark_sha256: str
    chance: float | None
    """The expected accuracy of guessing; None where the answers are withheld."""
    total: Tally
    breakdowns: dict[str, dict[str, Tally]]
    """By key, then by group, in the benchmark's order."""
    outcomes: str
    """One character for each item, in the benchmark's order: see `measurement.SIGNS`."""
    answers: str
    """The name of the answers file, relative to the results folder."""
    audit: Audit
    without_known_bad: Tally | None = None
    """The total without the items that an overlay flags; None where it flags none."""

    @property
    def place(self) -> tuple[object, ...]:
        """What the result is of: a newer one of the same takes its place."""
        asked = self.setting, self.prompt, self.control, self.rotation, self.answering, self.sample
        return (
            self.backbone,
            self.fingerprint,
            self.benchmark,
            *asked,
            self.captioner,
            self.caption_prompt,
            self.checkpoint,
        )


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
class Usage:
    """What a run took, over every start that it needed."""

    answers: str
    """The run's answers file, by which the run is known."""
    wall_s: float
    asked: int
    reused: int
    """Answers that were in the ledger when the last start found them."""
    retries: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    audio_s: float
    """Seconds of clips that were sent: to the captioner in the cascade, to the LALM in the audio setting."""
    captions: int
    """Captions that were asked for."""


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
    """Kept apart from the results, as is `usage`: see `encode`."""
    usage: tuple[Usage, ...] = ()

    def adding(self, result: RunResult, usage: Usage) -> "Experiment":
        """Returns the experiment with one more run, which takes the place of an older one of the same."""
        kept = tuple(old for old in self.results if old.place != result.place)
        names = {old.answers for old in kept}
        used = tuple(each for each in self.usage if each.answers in names)
        return replace(self, results=(*kept, result), usage=(*used, usage))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clock:
    """The file beside the results."""

    timings: tuple[Timing, ...] = ()
    usage: tuple[Usage, ...] = ()


def encode(experiment: Experiment) -> bytes:
    """Returns the results as JSON, without timings and usage: the same bytes for the same answers."""
    bare = replace(experiment, timings=(), usage=(), lineage=dict(sorted(experiment.lineage.items())))
    return _json(bare)


def encode_timings(experiment: Experiment) -> bytes:
    """Returns the timings and the usage as JSON."""
    return _json(_Clock(timings=experiment.timings, usage=experiment.usage))


def decode(results: bytes, timings: bytes = b"{}") -> Experiment:
    """Returns the experiment that `encode` and `encode_timings` wrote; raises `InvalidInput`."""
    try:
        experiment = msgspec.json.decode(results, type=Experiment)
        clock = msgspec.json.decode(timings, type=_Clock)
    except msgspec.DecodeError as error:
        remedy = f"give a {RESULTS} of this version, or run again: the ledger has the answers"
        raise InvalidInput(f"these are no results: {error}", "results", remedy) from error
    return replace(experiment, timings=clock.timings, usage=clock.usage)


def save(experiment: Experiment, folder: Path) -> None:
    """Writes `results.json` and `timings.json` into a folder, made if need be; each file is whole or absent."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((TIMINGS, encode_timings(experiment)), (RESULTS, encode(experiment))):
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
    return decode(results, timings.read_bytes() if timings.exists() else b"{}")


def add(folder: Path, new: RunResult, usage: Usage) -> Experiment:
    """Adds a run to the results in a folder, in place of an older one of the same; returns them all."""
    known = (folder / RESULTS).is_file()
    experiment = (load(folder) if known else Experiment(name=new.backbone, results=())).adding(new, usage)
    save(experiment, folder)
    return experiment


def items(folder: Path, result: RunResult) -> "Iterator[answers.ItemResult]":
    """Yields the items of one of the results in a folder, with their answers; raises as `answers.read` does."""
    return answers.read(folder / result.answers)


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
