"""Old answers on a new version of a benchmark: an answer counts wherever the model would be asked the very same.

That is so by question, choices in their order, and clip; the right choice, the id and the groups may be others. What
was changed in them is scored anew, and no model is asked.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from earwitness.errors import InvalidInput
from services.evaluator import answers
from services.evaluator.answers import ItemResult, Sheet
from services.evaluator.items import Benchmark, Item
from services.evaluator.measurement import Measurement
from services.evaluator.result import Description, Experiment, RunResult, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """A run's answers on the new version."""

    result: RunResult
    missing: tuple[str, ...]
    """Ids of items of the new version that the run has no answer to; they are no part of the result."""

    @property
    def usage(self) -> Usage:
        """What it took: nothing was asked."""
        total = self.result.total
        return Usage(
            answers=self.result.answers,
            wall_s=0.0,
            asked=0,
            reused=total.n - total.failed,
            retries=0,
            failed=total.failed,
            prompt_tokens=0,
            completion_tokens=0,
            audio_s=0.0,
            captions=0,
        )


def carry(
    experiment: Experiment, source: Path, benchmark: Benchmark, target: Path, *, partial: bool = False
) -> list[Carried]:
    """Returns the experiment's runs of the benchmark's other versions, read on this one, and writes their answers.

    Args:
        experiment: what was measured.
        source: the results folder that it lies in.
        benchmark: the new version; its name is that of the old one, or any other.
        target: the results folder that the answers go to.
        partial: whether to score the items that have answers where others have none; the version then says so.

    Raises InvalidInput where no run shares an item with it, or one lacks an answer and `partial` is not wished.
    """
    if benchmark.has_audio:
        remedy = "run again with the same ledger: only what changed is asked"
        raise InvalidInput(f"{benchmark.name} is about clips, whose files may have changed", "benchmark", remedy)
    carried: list[Carried] = []
    for run in experiment.results:
        if run.setting != "text" or run.benchmark_sha256 == benchmark.sha256:
            continue
        known = {_asked(item.item): item for item in answers.read(source / run.answers) if not item.audio_sha256}
        found = [(item, known.get(_asked(item.rotated(run.rotation)))) for item in benchmark.items]
        missing = tuple(item.id for item, old in found if old is None)
        if len(missing) == len(found):
            continue
        if missing and not partial:
            text = f"{run.backbone} has no answer to {len(missing)} of {len(found)} items, the first is {missing[0]}"
            remedy = "run it with the same ledger, which asks these alone, or score the others with --partial"
            raise InvalidInput(text, benchmark.name, remedy)
        pairs = [(item, old) for item, old in found if old is not None]
        carried.append(Carried(result=_measured(run, benchmark, pairs, target), missing=missing))
    if not carried:
        raise InvalidInput(f"no run shares an item with {benchmark.name}", "folder", "give results of an older version")
    return carried


def _asked(item: Item) -> str:
    return item.digest("")


def _measured(run: RunResult, benchmark: Benchmark, pairs: list[tuple[Item, ItemResult]], target: Path) -> RunResult:
    scope = benchmark
    if len(pairs) < len(benchmark.items):
        ids = "\n".join(item.id for item, _ in pairs)
        sha256 = hashlib.sha256(f"{benchmark.sha256}\n{ids}".encode()).hexdigest()
        version = f"{benchmark.version}, {len(pairs)} of {len(benchmark.items)} items"
        scope = replace(benchmark, version=version, sha256=sha256)
    description = Description(**{name: getattr(run, name) for name in Description.__dataclass_fields__})
    name = description.file(scope)
    with Sheet(target / name, len(pairs)) as sheet:
        measurement = Measurement(scope, len(pairs), sheet)
        for position, (item, old) in enumerate(pairs):
            measurement.add(position, item.rotated(run.rotation), old.answer, old.caption)
        sheet.finish()
    return measurement.result(description, name)
