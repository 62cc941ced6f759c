"""Completions of texts and token ids, with the prompt's own log-probabilities where they are asked for."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from earwitness.errors import InvalidInput
from earwitness.sampling import Extras, Generation, Token
from earwitness.wire import MAX_CHARS
from services.llm.engine import TextEngine
from services.llm.openai_http.chat import Json, usage
from services.llm.openai_http.schema import CompletionRequest, answers, decode
from services.llm.stream import coalesced, merged

MAX_PROMPTS = 256
Prompt = str | Sequence[int]


class Completion:
    """One request, checked."""

    def __init__(self, body: bytes) -> None:
        """Raises InvalidInput, with the field, for what cannot be answered."""
        self._request = decode(body, CompletionRequest)
        self.model = self._request.model
        self.streamed = bool(self._request.stream)
        self._prompts = prompts(self._request)
        self._num_answers = self._request.num_answers()
        self.items = len(self._prompts) * self._num_answers
        self._sampling = self._request.sampling(self._request.tokens())

    def extras(self, adapter: str) -> Extras:
        """Returns what it wants of the engine."""
        return self._request.extras(adapter)

    async def whole(self, engine: TextEngine, head: Json) -> Json:
        """Answers at once."""
        samplings = answers(self._sampling, self._num_answers)
        asked = [engine.complete(prompt, sampling) for prompt in self._prompts for sampling in samplings]
        flat = iter(await asyncio.gather(*asked))
        grouped = [[next(flat) for _ in samplings] for _ in self._prompts]
        echo, with_logprobs = bool(self._request.echo), self._request.logprobs is not None
        return response(head, self._prompts, grouped, with_logprobs=with_logprobs, echo=echo)

    async def chunks(self, engine: TextEngine, head: Json, interval_s: float) -> AsyncGenerator[Json]:
        """Answers in pieces, the answers side by side; the usage, where it is asked for, comes last."""
        head = head | {"id": f"cmpl-{head['id']}", "object": "text_completion"}
        samplings = answers(self._sampling, self._num_answers)
        asked = [engine.stream_completion(prompt, sampling) for prompt in self._prompts for sampling in samplings]
        with_logprobs = self._request.logprobs is not None
        streams = [streamed(index, pieces, interval_s, with_logprobs) for index, pieces in enumerate(asked)]
        wholes: dict[int, Generation] = {}
        async with aclosing(merged(streams)) as pieces:
            async for choice, whole in pieces:
                yield head | {"choices": [choice]}
                wholes |= {choice["index"]: whole} if whole else {}
        if self._request.with_usage():
            firsts = [wholes[index] for index in range(0, len(wholes), self._num_answers)]
            yield head | {"choices": [], "usage": usage(firsts, list(wholes.values()))}


def prompts(request: CompletionRequest) -> list[Prompt]:
    """Returns the checked prompts of a request: one, or one for each member of a list."""
    prompt: Any = request.prompt
    is_one = isinstance(prompt, str) or all(isinstance(each, int) for each in prompt)
    many: list[Any] = [prompt] if is_one else list(prompt)
    if len(many) > MAX_PROMPTS:
        raise InvalidInput(f"{len(many)} prompts", "prompt", f"send at most {MAX_PROMPTS}")
    for index, one in enumerate(many):
        _check(one, "prompt" if is_one else f"prompt[{index}]")
    return many


def _check(prompt: Any, field: str) -> None:
    if isinstance(prompt, int):
        raise InvalidInput("stands beside texts or lists", field, "send texts, ids, or lists of ids")
    if not prompt:
        raise InvalidInput("is empty", field, "send a text or token ids")
    if isinstance(prompt, str) and len(prompt) > MAX_CHARS:
        raise InvalidInput(f"{len(prompt)} characters", field, f"send at most {MAX_CHARS}")
    if not isinstance(prompt, str) and (len(prompt) > MAX_CHARS or not all(0 <= at < 1 << 31 for at in prompt)):
        raise InvalidInput("holds what is no token id", field, f"send at most {MAX_CHARS} ids from 0 on")


def response(
    head: Json, asked: Sequence[Prompt], generations: Sequence[Sequence[Generation]], *, with_logprobs: bool, echo: bool
) -> Json:
    """Returns the answers to each prompt, one prompt after the other."""
    choices: list[Json] = []
    for prompt, group in zip(asked, generations, strict=True):
        for answer in group:
            shown = answer.prompt if echo else ()
            spoken = prompt if isinstance(prompt, str) else "".join(token.text for token in shown)
            told = logprobs([*shown, *answer.tokens]) if with_logprobs else None
            choices.append(_choice(len(choices), (spoken if echo else "") + answer.text, told, answer.finish_reason))
    flat = [answer for group in generations for answer in group]
    cost = usage([group[0] for group in generations], flat)
    return head | {"id": f"cmpl-{head['id']}", "object": "text_completion", "choices": choices, "usage": cost}


async def streamed(
    index: int, pieces: AsyncIterator[tuple[str, Generation]], interval_s: float, with_logprobs: bool
) -> AsyncGenerator[tuple[Json, Generation | None]]:
    """Yields one answer as choices of chunks. With the last come its log-probabilities, and the whole."""
    async for delta, whole in coalesced(pieces, interval_s):
        told = logprobs(whole.tokens) if whole and with_logprobs else None
        yield _choice(index, delta, told, whole.finish_reason if whole else None), whole


def logprobs(tokens: Sequence[Token]) -> Json:
    """Returns the log-probabilities of tokens: of the first of a text there is none.

    `top_logprobs` names the token itself too, as OpenAI's own does; of tokens with one text the likeliest counts.
    """
    offsets: list[int] = []
    at = 0
    for token in tokens:
        offsets.append(at)
        at += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [_top(token) for token in tokens],
        "text_offset": offsets,
    }


def _top(token: Token) -> dict[str, float] | None:
    if token.logprob is None:
        return None
    top: dict[str, float] = {}
    for text, logprob in (*token.top, (token.text, token.logprob)):
        top[text] = max(logprob, top.get(text, logprob))
    return top


def _choice(index: int, text: str, told: Json | None, reason: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": told, "finish_reason": reason}
