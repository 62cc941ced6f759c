"""Scoring again: stored answers read by the extractors of today, without asking any model."""

from dataclasses import replace
from pathlib import Path

from services.evaluator import answers
from services.evaluator.answers import Sheet
from services.evaluator.items import Benchmark
from services.evaluator.measurement import Measurement
from services.evaluator.result import Description, Experiment, RunResult


def rescore(experiment: Experiment, folder: Path) -> Experiment:
    """Returns the experiment with every run's answers read anew, and rewrites the answers files in its folder.

    Raises NotFound where a run's answers are gone.
    """
    return replace(experiment, results=tuple(_rescored(result, folder) for result in experiment.results))


def changes(old: RunResult, new: RunResult) -> int:
    """Returns how many items have another outcome than before."""
    return sum(a != b for a, b in zip(old.outcomes, new.outcomes, strict=True))


def _rescored(result: RunResult, folder: Path) -> RunResult:
    path, num_items = folder / result.answers, len(result.outcomes)
    known_bad = {item.id: item.known_bad for item in answers.read(path) if item.known_bad}
    benchmark = Benchmark(
        name=result.benchmark,
        version=result.benchmark_version,
        sha256=result.benchmark_sha256,
        items=(),
        breakdowns=tuple(result.breakdowns),
        known_bad=known_bad,
    )
    with Sheet(path, num_items) as sheet:
        measurement = Measurement(benchmark, num_items, sheet)
        for position, item in enumerate(answers.read(path)):
            measurement.add(position, item.item, item.answer, item.caption, item.audio_sha256)
        sheet.finish()
    description = Description(**{name: getattr(result, name) for name in Description.__dataclass_fields__})
    return measurement.result(description, result.answers)
