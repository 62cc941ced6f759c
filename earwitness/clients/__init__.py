"""Typed callers of the model services: values in, values out, errors as `earwitness.errors`.

`earwitness.sync` has the same for code without an event loop.
"""

from earwitness.clients.captioner import CaptionerClient
from earwitness.clients.lalm import LalmClient
from earwitness.clients.llm import LlmClient
from earwitness.clients.model import BATCH_BYTES, GREEDY, TIMEOUT_S, ModelClient
from earwitness.clients.values import (
    Caption,
    ChoiceScore,
    Heard,
    HeardChoices,
    HeardClip,
    LetterScore,
    ModelInfo,
    Score,
    ScoreBy,
    Sound,
    SpokenTurn,
)

__all__ = [
    "BATCH_BYTES",
    "GREEDY",
    "TIMEOUT_S",
    "Caption",
    "CaptionerClient",
    "ChoiceScore",
    "Heard",
    "HeardChoices",
    "HeardClip",
    "LalmClient",
    "LetterScore",
    "LlmClient",
    "ModelClient",
    "ModelInfo",
    "Score",
    "ScoreBy",
    "Sound",
    "SpokenTurn",
]
