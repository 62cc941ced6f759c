"""What clients send: the fields that are served, each with its limits. Fields that ask for nothing are let pass.

A field that would change the answer, and that no engine here knows, is refused rather than ignored.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from earwitness.errors import InvalidInput
from earwitness.sampling import Extras, Sampling
from earwitness.wire import MAX_ANSWERS, MAX_TOKENS, check_extras, check_sampling

T = TypeVar("T")
COMPLETION_TOKENS = 16
"""OpenAI's own default for completions."""
TEMPERATURE = 1.0
"""OpenAI's own default, where our gRPC is greedy."""


class StreamOptions(msgspec.Struct):
    """Of a stream."""

    include_usage: bool = False


class Part(msgspec.Struct):
    """A part of a message; only text is served here."""

    type: str
    text: str = ""


class Message(msgspec.Struct):
    """One turn of a chat."""

    role: str
    content: str | list[Part] | None = None

    def text(self, field: str) -> str:
        """Returns the content; raises InvalidInput for parts that are no text."""
        if isinstance(self.content, list):
            for index, part in enumerate(self.content):
                if part.type != "text":
                    message = f"is of type {part.type[:40]!r}"
                    raise InvalidInput(message, f"{field}.content[{index}]", "this model reads text alone")
            return "".join(part.text for part in self.content)
        return self.content or ""


class JsonSchema(msgspec.Struct):
    """A schema under its name, which nothing reads."""

    schema: Mapping[str, Any]


class ResponseFormat(msgspec.Struct):
    """How the text has to look."""

    type: str
    json_schema: JsonSchema | None = None


class Request(msgspec.Struct, kw_only=True):
    """What both endpoints take."""

    model: str
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None

    def sampling(self, max_tokens: int) -> Sampling:
        """Returns the checked sampling. Without a seed, each call has its own."""
        for name in ("frequency_penalty", "presence_penalty", "logit_bias"):
            _refuse(name, getattr(self, name))
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        seed = secrets.randbits(32) if self.seed is None else self.seed % (1 << 64)
        sampling = Sampling(
            max_tokens=max_tokens,
            temperature=TEMPERATURE if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            seed=seed,
            stop=tuple(stop),
        )
        check_sampling(sampling, "")
        return sampling

    def num_answers(self) -> int:
        """Returns the checked `n`."""
        number = 1 if self.n is None else self.n
        if not 1 <= number <= MAX_ANSWERS:
            raise InvalidInput(f"{number} answers", "n", f"ask for 1 to {MAX_ANSWERS}")
        return number

    def with_usage(self) -> bool:
        """Returns whether a stream shall end with what it cost."""
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(Request, kw_only=True):
    """POST /v1/chat/completions."""

    messages: list[Message]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    tools: Sequence[Any] | None = None
    functions: Sequence[Any] | None = None
    modalities: list[str] | None = None
    chat_template_kwargs: Mapping[str, Any] | None = None
    """vLLM's name for the template's variables, of which `enable_thinking` is served."""

    def tokens(self) -> int:
        """Returns the longest answer: without a limit, as far as the server's and the context go."""
        asked = self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens
        if asked is not None and asked < 1:
            raise InvalidInput(f"{asked} is below 1", "max_tokens", f"ask for 1 to {MAX_TOKENS}")
        return MAX_TOKENS if asked is None else asked

    def extras(self, adapter: str) -> Extras:
        """Returns the checked extras; raises InvalidInput for what is not served."""
        for name in ("tools", "functions"):
            _refuse(name, getattr(self, name))
        _refuse("modalities", [each for each in self.modalities or () if each != "text"])
        extras = Extras(
            adapter=adapter,
            top_logprobs=(self.top_logprobs or 0) if self.logprobs else None,
            json_schema=self._schema(),
        )
        check_extras(extras)
        return extras

    def thinking(self) -> bool:
        """Returns whether the model may think before it answers."""
        return bool((self.chat_template_kwargs or {}).get("enable_thinking"))

    def _schema(self) -> str:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return ""
        if wanted.type == "json_object":
            return '{"type": "object"}'
        if wanted.type != "json_schema" or wanted.json_schema is None:
            raise InvalidInput("is unknown", "response_format", "use text, json_object, or json_schema with a schema")
        return json.dumps(wanted.json_schema.schema)


class CompletionRequest(Request, kw_only=True):
    """POST /v1/completions."""

    prompt: str | list[str | int | list[int]]
    """A text, a list of texts, token ids, or a list of lists of them."""
    echo: bool | None = None
    logprobs: int | None = None
    best_of: int | None = None
    suffix: str | None = None

    def tokens(self) -> int:
        """Returns the longest answer, which may be none."""
        return COMPLETION_TOKENS if self.max_tokens is None else self.max_tokens

    def extras(self, adapter: str) -> Extras:
        """Returns the checked extras; raises InvalidInput for what is not served."""
        _refuse("suffix", self.suffix)
        _refuse("best_of", self.best_of if (self.best_of or 1) > (self.n or 1) else None)
        if self.stream and self.echo:
            raise InvalidInput("is not served in a stream", "echo", "ask without stream")
        if self.stream and self.max_tokens == 0:
            raise InvalidInput("a stream of no token is none", "max_tokens", "ask without stream")
        extras = Extras(adapter=adapter, top_logprobs=self.logprobs, echo=bool(self.echo))
        check_extras(extras)
        return extras


def answers(sampling: Sampling, number: int) -> list[Sampling]:
    """Returns the samplings of so many answers: each has the next seed, as vLLM itself has it for its `n`."""
    return [replace(sampling, seed=(sampling.seed + index) % (1 << 64)) for index in range(number)]


def decode(body: bytes, kind: type[T]) -> T:
    """Reads a request; raises InvalidInput that names the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise InvalidInput(message, path.rstrip("`") or "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("the body is not JSON", "body", "send a JSON object") from None


def _refuse(name: str, value: object) -> None:
    if value:
        raise InvalidInput("is not served here", name, "leave it out")
