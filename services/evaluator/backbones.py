"""Results laid out by backbone: a row for each, with a score in each column, as relating and drawing them want it.

A column is a benchmark in a setting, such as "mmau cascade", or one category of it, such as "mmau cascade/speech". Runs
that were asked in different ways stand in different columns.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from earwitness.errors import InvalidInput
from services.evaluator.result import RunResult


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """An accuracy in [0, 1] over n items."""

    accuracy: float
    n: int
    outcomes: str = ""
    """One character per item, as in `RunResult.outcomes`; "" where only the accuracy is known."""
    items: str = ""
    """The SHA-256 of the items: columns with the same one are over the same items."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One backbone's scores, by column."""

    backbone: str
    family: str
    """Backbones that were made alike, and so are no independent evidence."""
    scores: Mapping[str, Score]


def family_of(backbone: str) -> str:
    """Returns a backbone's family, guessed from its name: "Qwen/Qwen3-0.6B" is of "Qwen3", "Llama-3.1-8B" of "Llama".

    That is the name's first word, its maker left out.
    """
    name = backbone.rsplit("/", 1)[-1].removeprefix("Meta-")
    return name.split("-")[0].split("_")[0].split(" ")[0] or backbone


def from_results(
    results: Sequence[RunResult],
    *,
    key: str = "",
    families: Mapping[str, str] | None = None,
    columns: Mapping[tuple[str, str], str] | None = None,
) -> tuple[Row, ...]:
    """Returns the rows of runs, in order of the backbones' first appearance; runs that cannot be scored are left out.

    With `key`, such as "category", its groups become columns as well. `families` goes by backbone and goes before
    `family_of`. `columns` renames a (benchmark, setting), so as to put runs beside published ones: that they are over
    the same questions is for the caller to know. Raises `InvalidInput` if a backbone has two runs in one column.
    """
    scored = [result for result in results if result.total.n]
    names = _column_names(scored, columns or {})
    fingerprints: defaultdict[str, set[str]] = defaultdict(set)
    for result in scored:
        fingerprints[result.backbone].add(result.fingerprint)
    scores: defaultdict[tuple[str, str], dict[str, Score]] = defaultdict(dict)
    for result, column in zip(scored, names, strict=True):
        own = scores[result.backbone, result.fingerprint]
        if column in own:
            text = f"{result.backbone} has two runs of {column}"
            raise InvalidInput(text, "results", "give one of them, such as that of one checkpoint")
        own[column] = Score(
            accuracy=result.total.accuracy,
            n=result.total.n,
            outcomes=result.outcomes,
            items=result.benchmark_sha256,
        )
        for label, tally in result.breakdowns.get(key, {}).items():
            if tally.n:
                own[f"{column}/{label}"] = Score(accuracy=tally.accuracy, n=tally.n)
    return tuple(
        Row(
            backbone=backbone if len(fingerprints[backbone]) == 1 else f"{backbone} {fingerprint[:8]}",
            family=(families or {}).get(backbone) or family_of(backbone),
            scores=own,
        )
        for (backbone, fingerprint), own in scores.items()
    )


def _column_names(results: Sequence[RunResult], columns: Mapping[tuple[str, str], str]) -> list[str]:
    """Returns each run's column: benchmark, setting and control, and whatever else tells it from others of these."""
    ways: defaultdict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
    for result in results:
        ways[result.benchmark, result.setting].append(_way(result))
    names: list[str] = []
    for result in results:
        where = result.benchmark, result.setting
        differing = [len(set(values)) > 1 for values in zip(*ways[where], strict=True)]
        told = [part for part, differs in zip(_way(result), differing, strict=True) if differs and part]
        control = {"none": [], "blind": ["blind"], "shuffle": [f"shuffled by {result.rotation}"]}[result.control]
        variant = ", ".join(control + told)
        name = columns.get(where, f"{result.benchmark} {result.setting}")
        names.append(f"{name} ({variant})" if variant else name)
    return names


def _way(result: RunResult) -> tuple[str, ...]:
    """Returns how a run was asked, as far as its columns' names and controls do not say it."""
    return (
        result.captioner,
        result.caption_prompt,
        f"prompt {result.prompt}",
        result.answering,
        f"sample {result.sample}",
        f"items {result.benchmark_sha256[:8]}",
    )
