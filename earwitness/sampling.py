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
class Extras:
    """What a call may want beyond its sampling. It is no part of `Sampling`, whose fields key answers in a ledger."""

    adapter: str = ""
    """The name of a LoRA adapter; "" is the model itself."""
    top_logprobs: int | None = None
    """Report every token's log-probability, and so many of the likeliest in its place; None reports nothing."""
    json_schema: str = ""
    """A JSON schema that the text shall fit; "" lets it be any."""
    echo: bool = False
    """Report the tokens of the prompt too."""


PLAIN = Extras()


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token of a text, and what might have stood in its place."""

    text: str
    logprob: float | None = None
    """Natural; None where nothing comes before it, or nobody asked."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens in its place, likeliest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """A generated text and its cost in tokens."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[Token, ...] = ()
    """The text's tokens, where `Extras.top_logprobs` asked for them."""
    prompt: tuple[Token, ...] = ()
    """The prompt's tokens, where `Extras.echo` asked for them."""
