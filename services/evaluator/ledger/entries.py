"""What goes into the ledger: answers and captions under their keys, failures, and the legs of a run."""

import json
from dataclasses import dataclass
from typing import Any

from services.evaluator.items import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An answer with its key and what a reader of the ledger wants to know of it."""

    key: str
    benchmark: str
    item: str
    setting: str
    backbone: str
    answer: Answer
    seconds: float = 0.0
    """From the first attempt to the answer."""
    attempts: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionEntry:
    """A caption with its key."""

    key: str
    captioner: str
    text: str
    audio_s: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """What one start of a run has done. `run` names the run, `id` the start."""

    id: str
    run: str
    wall_s: float = 0.0
    asked: int = 0
    retries: int = 0
    failed: int = 0
    captions: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    audio_s: float = 0.0
    prefix: int = 0
    """So many items, from the first on, were settled."""


def answer_row(entry: Entry, now: float) -> dict[str, Any]:
    """Returns an answered entry as a row of `answers`."""
    answer = entry.answer
    return {
        "key": entry.key,
        "benchmark": entry.benchmark,
        "item": entry.item,
        "setting": entry.setting,
        "backbone": entry.backbone,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "asked_at": now,
        "option_scores": json.dumps(answer.option_scores) if answer.option_scores else "",
        "seconds": entry.seconds,
        "attempts": entry.attempts,
    }


def failure_row(entry: Entry, now: float) -> dict[str, Any]:
    """Returns a failed entry as a row of `failures`."""
    return {
        "key": entry.key,
        "benchmark": entry.benchmark,
        "item": entry.item,
        "error": entry.answer.error,
        "asked_at": now,
    }
