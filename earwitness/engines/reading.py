"""What vLLM hands back, as values of ours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from earwitness.errors import EngineFailure
from earwitness.sampling import FinishReason, Generation, Token

GIVEN_UP = ("abort", "error")
"""vLLM's reasons for an end that the model did not come to (vllm.v1.engine.FinishReason)."""


class Listed(Protocol):
    """vLLM's Logprob."""

    logprob: float
    rank: int | None
    decoded_token: str | None


Place = Mapping[int, Listed]
"""The token that stands at one place of a text, and the likeliest there, by their ids."""


def generation(output: Any, prompt_tokens: int, *, num_top: int | None, prompt: tuple[Token, ...] = ()) -> Generation:
    """Reads an output; its tokens are read where `num_top` is not None, with so many of the likeliest each.

    Raises EngineFailure for one that vLLM gave up: half a text is no answer.
    """
    completion = output.outputs[0]
    if completion.finish_reason in GIVEN_UP:
        raise EngineFailure(f"the engine gave up on the answer ({completion.finish_reason})", "", "try again")
    finish: FinishReason = "length" if completion.finish_reason == "length" else "stop"
    return Generation(
        text=completion.text,
        finish_reason=finish,
        prompt_tokens=prompt_tokens,
        completion_tokens=len(completion.token_ids),
        tokens=() if num_top is None else read(completion.token_ids, completion.logprobs or (), num_top),
        prompt=prompt,
    )


def nothing(prompt_tokens: int, prompt: tuple[Token, ...]) -> Generation:
    """Returns a text of no token, which vLLM itself never generates."""
    return Generation(text="", finish_reason="length", prompt_tokens=prompt_tokens, completion_tokens=0, prompt=prompt)


def read(ids: Sequence[int], places: Sequence[Place], num_top: int) -> tuple[Token, ...]:
    """Reads the tokens of a text."""
    return tuple(_token(at, place, num_top) for at, place in zip(ids, places, strict=False))


def read_prompt(
    ids: Sequence[int], places: Sequence[Place | None] | None, num_top: int | None, decode: Callable[[int], str]
) -> tuple[Token, ...]:
    """Reads the tokens of a prompt; the first has no log-probability, nor has any where vLLM was not asked for it."""
    if places is None or num_top is None:
        return tuple(Token(text=decode(at)) for at in ids)
    return tuple(
        _token(at, place, num_top) if place else Token(text=decode(at)) for at, place in zip(ids, places, strict=True)
    )


def _token(at: int, place: Place, num_top: int) -> Token:
    own = place[at]
    likeliest = [other for other in place.values() if other.rank is not None and other.rank <= num_top]
    likeliest.sort(key=lambda other: -other.logprob)
    top = tuple((other.decoded_token or "", other.logprob) for other in likeliest)
    return Token(text=own.decoded_token or "", logprob=own.logprob, top=top)
