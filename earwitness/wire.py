"""The wire: messages to values and back. The limits that `proto/` states are enforced here, before any work."""

import json
from collections.abc import Sequence
from typing import Protocol, cast, get_args

from earwitness import __version__, audio
from earwitness.conversation import Role, Turn
from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import DEFAULT_TOKENS, Extras, Generation, Sampling, Token
from earwitness.v1 import audio_pb2, llm_pb2, model_pb2

MAX_TURNS = 64
MAX_CHARS = 262_144
MAX_TOKENS = 4096
MAX_STOPS = 8
MAX_STOP_CHARS = 64
MAX_TOP_LOGPROBS = 20
MAX_SCHEMA_CHARS = 65_536
MAX_ADAPTER_CHARS = 256
MAX_ANSWERS = 16


class WireTurn(Protocol):
    """What ChatMessage and ListenMessage share."""

    @property
    def role(self) -> str:
        """The speaker."""
        ...

    @property
    def content(self) -> str:
        """The text."""
        ...


def turns_from(messages: Sequence[WireTurn]) -> tuple[Turn, ...]:
    """Reads and checks a request's turns; raises InvalidInput that names the turn and the field."""
    if not 0 < len(messages) <= MAX_TURNS:
        raise InvalidInput(f"{len(messages)} turns", "messages", f"send 1 to {MAX_TURNS}")
    for index, message in enumerate(messages):
        if message.role not in get_args(Role):
            known = ", ".join(get_args(Role))
            raise InvalidInput(f"unknown role {message.role[:40]!r}", f"messages[{index}].role", f"use one of {known}")
        if len(message.content) > MAX_CHARS:
            field = f"messages[{index}].content"
            raise InvalidInput(f"{len(message.content)} characters", field, f"send at most {MAX_CHARS}")
    if messages[-1].role != "user":
        raise InvalidInput(
            "the last turn is not the user's", f"messages[{len(messages) - 1}].role", "end with a user turn"
        )
    return tuple(Turn(role=cast(Role, message.role), content=message.content) for message in messages)


def sampling_from(message: model_pb2.Sampling) -> Sampling:
    """Reads and checks a request's sampling; raises InvalidInput that names the field."""
    sampling = Sampling(
        max_tokens=message.max_tokens or DEFAULT_TOKENS,
        temperature=message.temperature,
        top_p=message.top_p or 1.0,
        seed=message.seed,
        stop=tuple(message.stop),
    )
    check_sampling(sampling)
    return sampling


def check_sampling(sampling: Sampling, prefix: str = "sampling.") -> None:
    """Raises InvalidInput for a sampling out of range; `prefix` stands before the names of its fields."""
    if not 0 <= sampling.max_tokens <= MAX_TOKENS:
        message = f"{sampling.max_tokens} is over the limit of {MAX_TOKENS}"
        raise InvalidInput(message, f"{prefix}max_tokens", "ask for fewer tokens")
    if not 0 <= sampling.temperature <= 2:
        raise InvalidInput(f"{sampling.temperature:g} is not within 0 to 2", f"{prefix}temperature", "0 is greedy")
    if not 0 < sampling.top_p <= 1:
        message = f"{sampling.top_p:g} is not above 0 and at most 1"
        raise InvalidInput(message, f"{prefix}top_p", "leave it out for 1")
    if len(sampling.stop) > MAX_STOPS or any(not 0 < len(stop) <= MAX_STOP_CHARS for stop in sampling.stop):
        limits = f"at most {MAX_STOPS} stop strings of 1 to {MAX_STOP_CHARS} characters"
        raise InvalidInput("too many stop strings, or one empty or too long", f"{prefix}stop", limits)


def extras_from(request: llm_pb2.GenerateRequest) -> Extras:
    """Reads and checks what a request wants beyond its sampling; raises InvalidInput that names the field."""
    extras = Extras(
        adapter=request.adapter,
        top_logprobs=request.top_logprobs if request.HasField("top_logprobs") else None,
        json_schema=request.json_schema,
    )
    check_extras(extras)
    return extras


def check_extras(extras: Extras) -> None:
    """Raises InvalidInput for extras out of range."""
    if (extras.top_logprobs or 0) > MAX_TOP_LOGPROBS or (extras.top_logprobs or 0) < 0:
        raise InvalidInput(f"{extras.top_logprobs} is out of range", "top_logprobs", f"at most {MAX_TOP_LOGPROBS}")
    if len(extras.adapter) > MAX_ADAPTER_CHARS:
        remedy = f"send at most {MAX_ADAPTER_CHARS}"
        raise InvalidInput(f"{len(extras.adapter)} characters", "adapter", remedy)
    if not extras.json_schema:
        return
    if len(extras.json_schema) > MAX_SCHEMA_CHARS:
        remedy = f"send at most {MAX_SCHEMA_CHARS}"
        raise InvalidInput(f"{len(extras.json_schema)} characters", "json_schema", remedy)
    try:
        schema: object = json.loads(extras.json_schema)
    except (ValueError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise InvalidInput("is not a JSON object", "json_schema", 'send a schema such as {"type": "object"}')


def answers_from(request: llm_pb2.GenerateRequest) -> int:
    """Reads and checks how many answers a request wants; raises InvalidInput."""
    if request.n > MAX_ANSWERS:
        raise InvalidInput(f"{request.n} answers", "n", f"ask for 1 to {MAX_ANSWERS}")
    return request.n or 1


def sampling_to(sampling: Sampling) -> model_pb2.Sampling:
    """Writes a request's sampling."""
    return model_pb2.Sampling(
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=sampling.seed,
        stop=sampling.stop,
    )


def generation_to(generation: Generation) -> model_pb2.Generation:
    """Writes a response's generation."""
    stopped = generation.finish_reason == "stop"
    return model_pb2.Generation(
        text=generation.text,
        finish_reason=model_pb2.FINISH_REASON_STOP if stopped else model_pb2.FINISH_REASON_LENGTH,
        prompt_tokens=generation.prompt_tokens,
        completion_tokens=generation.completion_tokens,
        tokens=map(_token_to, generation.tokens),
    )


def _token_to(token: Token) -> model_pb2.Token:
    top = [model_pb2.LikelyToken(text=text, logprob=logprob) for text, logprob in token.top]
    return model_pb2.Token(text=token.text, logprob=token.logprob or 0.0, top=top)


def generation_from(message: model_pb2.Generation) -> Generation:
    """Reads a response's generation."""
    return Generation(
        text=message.text,
        finish_reason="length" if message.finish_reason == model_pb2.FINISH_REASON_LENGTH else "stop",
        prompt_tokens=message.prompt_tokens,
        completion_tokens=message.completion_tokens,
        tokens=tuple(_token_from(token) for token in message.tokens),
    )


def _token_from(message: model_pb2.Token) -> Token:
    top = tuple((likely.text, likely.logprob) for likely in message.top)
    return Token(text=message.text, logprob=message.logprob, top=top)


def info_to(clip: audio.Clip) -> audio_pb2.AudioInfo:
    """Writes what a server made of a clip."""
    return audio_pb2.AudioInfo(sha256=clip.sha256, seconds=clip.seconds)


def identity_to(identity: Identity) -> model_pb2.GetModelInfoResponse:
    """Writes an identity for the wire."""
    return model_pb2.GetModelInfoResponse(
        model=identity.model,
        fingerprint=identity.fingerprint,
        engine=identity.engine,
        dtype=identity.dtype,
        context_tokens=identity.context_tokens,
        version=__version__,
        weights_fingerprint=identity.weights,
        lineage=identity.lineage,
    )


def identity_from(message: model_pb2.GetModelInfoResponse) -> Identity:
    """Reads an identity from the wire."""
    return Identity(
        model=message.model,
        fingerprint=message.fingerprint,
        engine=message.engine,
        dtype=message.dtype,
        context_tokens=message.context_tokens,
        weights=message.weights_fingerprint,
        lineage=dict(message.lineage),
    )
