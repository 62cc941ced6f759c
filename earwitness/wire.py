"""The wire: messages to values and back. The limits that `proto/` states are enforced here, before any work."""

from collections.abc import Sequence
from typing import Protocol, cast, get_args

from earwitness import __version__, audio
from earwitness.conversation import Role, Turn
from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import DEFAULT_TOKENS, Generation, Sampling
from earwitness.v1 import audio_pb2, model_pb2

MAX_AUDIO_BYTES = 32 << 20
MAX_TURNS = 64
MAX_CHARS = 262_144
MAX_TOKENS = 4096
MAX_STOPS = 8
MAX_STOP_CHARS = 64


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
    max_tokens = message.max_tokens or DEFAULT_TOKENS
    top_p = message.top_p or 1.0
    if max_tokens > MAX_TOKENS:
        raise InvalidInput(
            f"{max_tokens} is over the limit of {MAX_TOKENS}", "sampling.max_tokens", "ask for fewer tokens"
        )
    if not 0 <= message.temperature <= 2:
        raise InvalidInput(f"{message.temperature:g} is not within 0 to 2", "sampling.temperature", "0 is greedy")
    if not 0 < top_p <= 1:
        raise InvalidInput(f"{message.top_p:g} is not above 0 and at most 1", "sampling.top_p", "leave it out for 1")
    if len(message.stop) > MAX_STOPS or any(not 0 < len(stop) <= MAX_STOP_CHARS for stop in message.stop):
        limits = f"at most {MAX_STOPS} stop strings of 1 to {MAX_STOP_CHARS} characters"
        raise InvalidInput("too many stop strings, or one empty or too long", "sampling.stop", limits)
    return Sampling(
        max_tokens=max_tokens,
        temperature=message.temperature,
        top_p=top_p,
        seed=message.seed,
        stop=tuple(message.stop),
    )


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
    )


def generation_from(message: model_pb2.Generation) -> Generation:
    """Reads a response's generation."""
    return Generation(
        text=message.text,
        finish_reason="length" if message.finish_reason == model_pb2.FINISH_REASON_LENGTH else "stop",
        prompt_tokens=message.prompt_tokens,
        completion_tokens=message.completion_tokens,
    )


def clip_from(message: audio_pb2.Audio, max_seconds: float, field: str) -> audio.Clip:
    """Decodes a request's audio, which takes up to a tenth of a second of CPU: call it off the event loop.

    Raises InvalidInput for a request without audio, over `MAX_AUDIO_BYTES` or over `max_seconds`, UnreadableAudio for
    what cannot be decoded; each names `field`.
    """
    if message.WhichOneof("source") is None:
        raise InvalidInput("is missing", f"{field}.data", "send the bytes of an audio file")
    if len(message.data) > MAX_AUDIO_BYTES:
        remedy = f"send at most {MAX_AUDIO_BYTES >> 20} MiB, such as 16 kHz mono FLAC"
        raise InvalidInput(f"{len(message.data)} bytes", f"{field}.data", remedy)
    return audio.decode(message.data, field=f"{field}.data", max_seconds=max_seconds)


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
    )
