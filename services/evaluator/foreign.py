"""Answers made elsewhere, brought into the ledger and beside the runs made here."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from services.evaluator.answer_file import NO_PREDICTION
from services.evaluator.items import Answer, Benchmark, Setting
from services.evaluator.measurement import measure
from services.evaluator.result import Description, RunResult, Usage

if TYPE_CHECKING:
    from services.evaluator.ledger import Ledger

PROMPT = "unknown"
ROWS_AT_ONCE = 500


def bring(
    predictions: Mapping[str, str],
    benchmark: Benchmark,
    *,
    backbone: str,
    setting: Setting,
    source: str,
    ledger: "Ledger",
    folder: Path,
) -> tuple[RunResult, Usage]:
    """Records predictions, by item id, as the answers of a backbone, and returns their result.

    Nobody knows how they were asked for: the run's prompt is `unknown`, and its parameters name the `source`. Items
    without a prediction are failed. Raises NotReady where the ledger fails.
    """
    from services.evaluator.ledger import Entry

    whole = json.dumps([backbone, source, sorted(predictions.items())], ensure_ascii=False)
    fingerprint = hashlib.sha256(whole.encode()).hexdigest()
    answers = {
        item.id: Answer(text=predictions[item.id], finish_reason="stop") if item.id in predictions else NO_PREDICTION
        for item in benchmark.items
    }
    entries = [
        Entry(
            key=hashlib.sha256(f"imported\0{fingerprint}\0{setting}\0{name}".encode()).hexdigest(),
            benchmark=benchmark.name,
            item=name,
            setting=setting,
            backbone=backbone,
            answer=answer,
        )
        for name, answer in answers.items()
        if answer is not NO_PREDICTION
    ]
    for start in range(0, len(entries), ROWS_AT_ONCE):
        ledger.record(entries[start : start + ROWS_AT_ONCE])
    description = Description(
        backbone=backbone,
        fingerprint=fingerprint,
        setting=setting,
        prompt=PROMPT,
        parameters={"engine": "imported", "source": source},
    )
    result = measure(benchmark, answers, description, folder=folder)
    return result, _usage(result)


def _usage(result: RunResult) -> Usage:
    """Nothing was asked, as far as we know."""
    return Usage(
        answers=result.answers,
        wall_s=0.0,
        asked=0,
        reused=result.total.n - result.total.failed,
        retries=0,
        failed=result.total.failed,
        prompt_tokens=0,
        completion_tokens=0,
        audio_s=0.0,
        captions=0,
    )
