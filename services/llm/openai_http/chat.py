"""Chat completions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from earwitness.conversation import Turn
from earwitness.sampling import Extras, Generation, Token
from earwitness.wire import turns_from
from services.llm.engine import TextEngine
from services.llm.openai_http.schema import ChatRequest, Message, answers, decode
from services.llm.stream import coalesced

Json = dict[str, Any]
ROLES = {"developer": "system"}
"""OpenAI's newer name."""


class Chat:
    """One request, checked."""

    def __init__(self, body: bytes) -> None:
        """Raises InvalidInput, with the field, for what cannot be answered."""
        self._request = decode(body, ChatRequest)
        self.model = self._request.model
        self.streamed = bool(self._request.stream)
        self.items = self._request.num_answers()
        self._turns = turns(self._request.messages)
        self._sampling = self._request.sampling(self._request.tokens())
        self._thinking = self._request.thinking()

    def extras(self, adapter: str) -> Extras:
        """Returns what it wants of the engine."""
        return self._request.extras(adapter)

    async def whole(self, engine: TextEngine, head: Json) -> Json:
        """Answers at once."""
        asked = [
            engine.generate(self._turns, sampling, thinking=self._thinking)
            for sampling in answers(self._sampling, self.items)
        ]
        return response(head, await asyncio.gather(*asked), with_logprobs=bool(self._request.logprobs))

    def chunks(self, engine: TextEngine, head: Json, interval_s: float) -> AsyncIterator[Json]:
        """Answers in pieces."""
        pieces = engine.stream(self._turns, self._sampling, thinking=self._thinking)
        return chunks(head, pieces, self._request, interval_s)


def turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Returns the checked conversation."""
    read: list[Any] = []
    for index, message in enumerate(messages):
        role: Any = ROLES.get(message.role, message.role)
        read.append(Turn(role=role, content=message.text(f"messages[{index}]")))
    return turns_from(read)


def response(head: Json, generations: Sequence[Generation], *, with_logprobs: bool) -> Json:
    """Returns the answer to a request."""
    choices: list[Json] = [
        {
            "index": index,
            "message": {"role": "assistant", "content": generation.text, "refusal": None},
            "logprobs": logprobs(generation.tokens) if with_logprobs else None,
            "finish_reason": generation.finish_reason,
        }
        for index, generation in enumerate(generations)
    ]
    return head | {
        "id": f"chatcmpl-{head['id']}",
        "object": "chat.completion",
        "choices": choices,
        "usage": usage(generations[:1], generations),
    }


async def chunks(
    head: Json, pieces: AsyncIterator[tuple[str, Generation]], request: ChatRequest, interval_s: float
) -> AsyncIterator[Json]:
    """Yields the chunks of a stream: the role, the text, the reason, and the usage where it is asked for."""
    head = head | {"id": f"chatcmpl-{head['id']}", "object": "chat.completion.chunk"}
    sent, latest = 0, None

    async def noted() -> AsyncIterator[tuple[str, Generation]]:
        nonlocal latest
        async for delta, whole in pieces:
            latest = whole
            yield delta, whole

    def chunk(delta: Json, tokens: Sequence[Token] = (), reason: str | None = None) -> Json:
        told = logprobs(tokens) if tokens else None
        return head | {"choices": [{"index": 0, "delta": delta, "logprobs": told, "finish_reason": reason}]}

    begun = False
    async for delta, whole in coalesced(noted(), interval_s):
        if not begun:  # not before the engine has taken the prompt: until then an error is a status of its own
            yield chunk({"role": "assistant", "content": ""})
            begun = True
        so_far: Sequence[Token] = latest.tokens if latest else ()
        if delta:
            yield chunk({"content": delta}, so_far[sent:])
            sent = len(so_far)
        if whole is not None:
            yield chunk({}, so_far[sent:], whole.finish_reason)
            if request.stream_options and request.stream_options.include_usage:
                yield head | {"choices": [], "usage": usage([whole], [whole])}


def logprobs(tokens: Sequence[Token]) -> Json:
    """Returns the log-probabilities of tokens."""
    return {"content": [_entry(token) | {"top_logprobs": _top(token)} for token in tokens], "refusal": None}


def usage(prompts: Sequence[Generation], generations: Sequence[Generation]) -> Json:
    """Returns the cost: each prompt once, however many answers it has."""
    prompt = sum(generation.prompt_tokens for generation in prompts)
    completion = sum(generation.completion_tokens for generation in generations)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _entry(token: Token) -> Json:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.text.encode())}


def _top(token: Token) -> list[Json]:
    return [_entry(Token(text=text, logprob=logprob)) for text, logprob in token.top]
