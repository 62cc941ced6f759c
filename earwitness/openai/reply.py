"""What comes back: a chat completion as a Generation, or as the scores of letters.

Source: OpenAI, "API reference: The chat completion object"
(https://platform.openai.com/docs/api-reference/chat/object), read leniently: vendors leave out what they have none of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from earwitness import sampling as values
from earwitness.errors import EngineFailure, InvalidInput
from earwitness.openai.catalogue import Endpoint
from earwitness.openai.request import letter_of
from earwitness.sampling import PLAIN, Extras, FinishReason, Generation, Sampling


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token that might have come."""

    token: str
    logprob: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Place(Token):
    """The token that came, and the likeliest in its place."""

    top_logprobs: tuple[Token, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Logprobs:
    """The tokens of a reply."""

    content: tuple[Place, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What the model said. Reasoning, where a server shows it, has a field of its own, which is not read."""

    content: str | None = None
    refusal: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One reply."""

    message: Message | None = None
    """None where a filter, or reasoning up to the limit, left nothing: Gemini leaves the message out."""
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """The cost. Tokens of reasoning are among those of the completion."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """The body of a reply with status 200."""

    choices: Annotated[tuple[Choice, ...], msgspec.Meta(min_length=1)]
    usage: Usage | None = None


NOTHING = Completion(choices=(Choice(message=Message(), finish_reason="length"),))
"""A reply that was all reasoning."""

_decoder = msgspec.json.Decoder(Completion)
_FINISHED: dict[str, FinishReason] = {"length": "length", "max_tokens": "length"}
"""MAX_TOKENS is Gemini's own name, which its compatible API lets through. What is not here has come to its end."""
_BROKEN = ("abort", "error")
"""vLLM's names (vllm/v1/engine/__init__.py) for a reply that was not finished, and will not be."""


def completion(data: bytes) -> Completion:
    """Reads a reply; raises EngineFailure that says what it lacks to be a chat completion, or that it broke off."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EngineFailure(f"the reply is no chat completion: {error}") from None
    first = found.choices[0]
    if first.message is None and first.finish_reason is None:
        raise EngineFailure(
            "the reply is no chat completion: Object missing required field `message` - at `$.choices[0]`"
        )
    if (first.finish_reason or "").lower() in _BROKEN:
        raise EngineFailure(f"the server broke off its reply: finish_reason {first.finish_reason!r}")
    return found


def generation(found: Completion, endpoint: Endpoint, sampling: Sampling, extras: Extras = PLAIN) -> Generation:
    """Returns the text and its cost. A refusal is an answer: the model's words, or none where a filter took them.

    Raises InvalidInput where the API sent no log-probabilities for a text, though the extras asked for them.
    """
    first, usage = found.choices[0], found.usage or Usage()
    message = first.message or Message()
    text = message.content or message.refusal or ""
    finish: FinishReason = _FINISHED.get((first.finish_reason or "").lower(), "stop")
    if not endpoint.stop:
        cut = min((at for stop in sampling.stop if (at := text.find(stop)) >= 0), default=None)
        text, finish = (text, finish) if cut is None else (text[:cut], "stop")
    return Generation(
        text=text,
        finish_reason=finish,
        prompt_tokens=usage.prompt_tokens or 0,
        completion_tokens=usage.completion_tokens or 0,
        tokens=() if extras.top_logprobs is None or not text else _tokens(first, endpoint),
    )


def scores(found: Completion, letters: Sequence[str], endpoint: Endpoint) -> list[tuple[float, int]]:
    """Returns each letter's log-probability where the reply's first letter or word stands; see `OpenAiClient.score`."""
    where = f"openai:{endpoint.name}"
    places = _places(found.choices[0], endpoint)
    place = next((place for place in places if any(map(str.isalnum, place.token))), places[0])
    listed = {token.token: token.logprob for token in (place, *place.top_logprobs)}
    found_scores: dict[str, float] = {}
    for token, logprob in listed.items():
        letter = letter_of(token)
        found_scores[letter] = _log_sum(found_scores.get(letter, -math.inf), logprob)
    if not any(letter in found_scores for letter in letters):
        remedy = "ask for the letter alone, or let the model generate its answers"
        raise InvalidInput(f"none of the {len(listed)} likeliest tokens is an option's letter", where, remedy)
    beyond = math.nextafter(min(listed.values()), -math.inf)
    return [(found_scores.get(letter, beyond), 1) for letter in letters]


def _places(choice: Choice, endpoint: Endpoint) -> tuple[Place, ...]:
    """Returns a reply's tokens; raises InvalidInput where there are none."""
    if choice.logprobs is None or not choice.logprobs.content:
        remedy = "set top_logprobs to 0 in the catalogue, and let the model generate its answers"
        raise InvalidInput(f"{endpoint.model} sent no log-probabilities", f"openai:{endpoint.name}", remedy)
    return choice.logprobs.content


def _tokens(choice: Choice, endpoint: Endpoint) -> tuple[values.Token, ...]:
    return tuple(
        values.Token(
            text=place.token,
            logprob=place.logprob,
            top=tuple((token.token, token.logprob) for token in place.top_logprobs),
        )
        for place in _places(choice, endpoint)
    )


def _log_sum(one: float, other: float) -> float:
    """Returns log(exp(one) + exp(other))."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
