"""Chat completions."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from earwitness.conversation import Turn
from earwitness.sampling import Extras, Generation, Token
from earwitness.wire import turns_from
from services.llm.engine import TextEngine
from services.llm.openai_http.schema import ChatRequest, Message, answers, decode
from services.llm.stream import coalesced, merged

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

    async def chunks(self, engine: TextEngine, head: Json, interval_s: float) -> AsyncGenerator[Json]:
        """Answers in pieces, the answers side by side; the usage, where it is asked for, comes last."""
        head = head | {"id": f"chatcmpl-{head['id']}", "object": "chat.completion.chunk"}
        streams = [
            streamed(index, engine.stream(self._turns, sampling, thinking=self._thinking), interval_s)
            for index, sampling in enumerate(answers(self._sampling, self.items))
        ]
        wholes: list[Generation] = []
        async with aclosing(merged(streams)) as pieces:
            async for choice, whole in pieces:
                yield head | {"choices": [choice]}
                wholes += [whole] if whole else []
        if self._request.with_usage():
            yield head | {"choices": [], "usage": usage(wholes[:1], wholes)}


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


async def streamed(
    index: int, pieces: AsyncIterator[tuple[str, Generation]], interval_s: float
) -> AsyncGenerator[tuple[Json, Generation | None]]:
    """Yields one answer as choices of chunks: the role, the text, and the reason, with which the whole comes."""
    sent, latest = 0, None

    async def noted() -> AsyncIterator[tuple[str, Generation]]:
        nonlocal latest
        async for delta, whole in pieces:
            latest = whole
            yield delta, whole

    def choice(delta: Json, tokens: Sequence[Token] = (), reason: str | None = None) -> Json:
        told = logprobs(tokens) if tokens else None
        return {"index": index, "delta": delta, "logprobs": told, "finish_reason": reason}

    begun = False
    async for delta, whole in coalesced(noted(), interval_s):
        if not begun:  # not before the engine has taken the prompt: until then an error is a status of its own
            yield choice({"role": "assistant", "content": ""}), None
            begun = True
        so_far: Sequence[Token] = latest.tokens if latest else ()
        if delta:
            yield choice({"content": delta}, so_far[sent:]), None
            sent = len(so_far)
        if whole is not None:
            yield choice({}, so_far[sent:], whole.finish_reason), whole


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
