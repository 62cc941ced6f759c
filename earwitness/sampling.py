"""How a text is generated, and what comes of it. Nothing here knows an engine or the wire."""

from dataclasses import dataclass
from typing import Literal

DEFAULT_TOKENS = 256

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """Greedy unless told otherwise."""

    max_tokens: int = DEFAULT_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """A generated text and its cost in tokens."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
