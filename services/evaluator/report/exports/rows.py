"""The rows of an export: one for each run, one for each group of its breakdowns, or one for each of its items.

Every row says in full which run it is of, so that rows of several files can be put together.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from services.evaluator.answers import ItemResult
from services.evaluator.report.words import interval
from services.evaluator.result import Experiment, RunResult, items
from services.evaluator.scoring import Tally

Value = str | int | float | bool | None | list[str] | list[float]
Row = dict[str, Value]
Kind = Literal["text", "whole", "number", "flag", "texts", "numbers"]
_IDENTITY: dict[str, Kind] = {
    "backbone": "text",
    "fingerprint": "text",
    "benchmark": "text",
    "benchmark_version": "text",
    "benchmark_sha256": "text",
    "setting": "text",
    "prompt": "text",
    "parameters": "text",
    "captioner": "text",
    "caption_prompt": "text",
    "checkpoint": "text",
    "control": "text",
    "rotation": "whole",
    "answering": "text",
    "sample": "whole",
    "answers": "text",
}
RUN_COLUMNS: dict[str, Kind] = {
    **_IDENTITY,
    "chance": "number",
    "breakdown": "text",
    "group": "text",
    "n": "whole",
    "correct": "whole",
    "wrong": "whole",
    "unparsed": "whole",
    "truncated": "whole",
    "failed": "whole",
    "withheld": "whole",
    "official": "whole",
    "accuracy": "number",
    "interval_low": "number",
    "interval_high": "number",
    "bound_low": "number",
    "bound_high": "number",
    "official_accuracy": "number",
}
"""The columns of a run's rows, in order, with the kind of their values; any may be None."""
ITEM_COLUMNS: dict[str, Kind] = {
    **_IDENTITY,
    "id": "text",
    "question": "text",
    "choices": "texts",
    "gold": "text",
    "groups": "text",
    "known_bad": "text",
    "caption": "text",
    "audio_sha256": "text",
    "text": "text",
    "finish_reason": "text",
    "error": "text",
    "prompt_tokens": "whole",
    "completion_tokens": "whole",
    "option_scores": "numbers",
    "outcome": "text",
    "choice": "whole",
    "extractor": "text",
    "votes": "text",
    "official_match": "flag",
}
"""The same of an item's rows."""
WITHOUT_KNOWN_BAD = "without known-bad items"
"""The breakdown of a row that leaves out what an overlay flags."""


def runs(experiment: Experiment) -> Iterator[Row]:
    """Yields a row for each run (its `breakdown` is "") and one for each of its groups."""
    for result in experiment.results:
        described = identity(result) | {"chance": result.chance}
        yield described | _counts("", "", result.total)
        if result.without_known_bad:
            yield described | _counts(WITHOUT_KNOWN_BAD, "", result.without_known_bad)
        for key, groups in result.breakdowns.items():
            for label, tally in groups.items():
                yield described | _counts(key, label, tally)


def answers(experiment: Experiment, folder: Path) -> Iterator[Row]:
    """Yields a row for each item of each run; raises NotFound if an answers file is gone."""
    for result in experiment.results:
        described = identity(result)
        for item in items(folder, result):
            yield described | _answer(item)


def identity(result: RunResult) -> Row:
    """Returns what sets a run apart from others."""
    return {name: getattr(result, name) for name in _IDENTITY} | {"parameters": _json(result.parameters)}


def _counts(key: str, label: str, tally: Tally) -> Row:
    """Returns what was counted; shares are None without an item."""
    known = tally.n > 0
    sure, (low, high) = interval(tally), tally.bounds
    return {
        "breakdown": key,
        "group": label,
        "n": tally.n,
        "correct": tally.correct,
        "wrong": tally.wrong,
        "unparsed": tally.unparsed,
        "truncated": tally.truncated,
        "failed": tally.failed,
        "withheld": tally.withheld,
        "official": tally.official,
        "accuracy": tally.accuracy if known else None,
        "interval_low": sure.low if known else None,
        "interval_high": sure.high if known else None,
        "bound_low": low if known else None,
        "bound_high": high if known else None,
        "official_accuracy": tally.official_accuracy if known else None,
    }


def _answer(item: ItemResult) -> Row:
    return {
        "id": item.id,
        "question": item.question,
        "choices": list(item.choices),
        "gold": item.gold,
        "groups": _json(item.groups),
        "known_bad": item.known_bad,
        "caption": item.caption,
        "audio_sha256": item.audio_sha256,
        "text": item.answer.text,
        "finish_reason": item.answer.finish_reason,
        "error": item.answer.error,
        "prompt_tokens": item.answer.prompt_tokens,
        "completion_tokens": item.answer.completion_tokens,
        "option_scores": list(item.answer.option_scores),
        "outcome": item.score.outcome.value if item.score.outcome else "withheld",
        "choice": item.score.choice,
        "extractor": item.score.extractor,
        "votes": _json(item.score.votes),
        "official_match": item.score.official,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
