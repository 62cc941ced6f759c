"""The caller of a language model."""

from collections.abc import AsyncGenerator, Sequence

from earwitness.channel import Endpoint
from earwitness.clients.model import (
    BYTES_PER_CHAR,
    GREEDY,
    MOST_TEXTS,
    TIMEOUT_S,
    Fields,
    Method,
    ModelClient,
    made,
    sampled,
)
from earwitness.clients.scores import BY, scores
from earwitness.clients.values import ChoiceScore, ScoreBy
from earwitness.conversation import Turn
from earwitness.errors import EarwitnessError, InvalidInput
from earwitness.sampling import PLAIN, Extras, Generation, Sampling
from earwitness.v1 import llm_pb2, llm_pb2_grpc
from earwitness.wire import generation_from

Question = tuple[Sequence[Turn], Sequence[str]]
"""A conversation, and the options to score as its answer."""


class LlmClient(ModelClient):
    """Calls a language model. `extras` are an adapter, log-probabilities and a JSON schema: see Extras."""

    application = "llm"

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = TIMEOUT_S, batch: int = 0) -> None:
        """See ModelClient."""
        super().__init__(endpoint, timeout_s=timeout_s, batch=batch)
        self._generate = Method(
            self,
            llm_pb2_grpc.LlmServiceStub,
            (llm_pb2.GenerateRequest, llm_pb2.GenerateResponse),
            (llm_pb2.GenerateBatchRequest, llm_pb2.GenerateBatchResponse),
            MOST_TEXTS,
        )
        self._score = Method(
            self,
            llm_pb2_grpc.LlmServiceStub,
            (llm_pb2.ScoreChoicesRequest, llm_pb2.ScoreChoicesResponse),
            (llm_pb2.ScoreChoicesBatchRequest, llm_pb2.ScoreChoicesBatchResponse),
            MOST_TEXTS,
        )

    async def generate(
        self, turns: Sequence[Turn], sampling: Sampling = GREEDY, *, thinking: bool = False, extras: Extras = PLAIN
    ) -> Generation:
        """Answers a conversation."""
        response = await self._generate(_asked(turns, sampling, thinking, extras), _size(turns))
        return generation_from(response.generation)

    async def generate_n(
        self,
        turns: Sequence[Turn],
        n: int,
        sampling: Sampling = GREEDY,
        *,
        thinking: bool = False,
        extras: Extras = PLAIN,
    ) -> list[Generation]:
        """Answers a conversation `n` times, each with the next seed: greedy answers are equal."""
        response = await self._generate(_asked(turns, sampling, thinking, extras) | {"n": n}, _size(turns))
        return [generation_from(each) for each in (response.generation, *response.more)]

    async def generate_batch(
        self,
        conversations: Sequence[Sequence[Turn]],
        sampling: Sampling = GREEDY,
        *,
        thinking: bool = False,
        extras: Extras = PLAIN,
    ) -> list[Generation | EarwitnessError]:
        """Answers many conversations; returns an answer or an error for each, in order."""
        requests = [(_asked(turns, sampling, thinking, extras), _size(turns)) for turns in conversations]
        results = await self._generate.batch(requests)
        return [
            result if isinstance(result, EarwitnessError) else generation_from(result.generation) for result in results
        ]

    async def stream(
        self, turns: Sequence[Turn], sampling: Sampling = GREEDY, *, thinking: bool = False, extras: Extras = PLAIN
    ) -> AsyncGenerator[tuple[str, Generation | None]]:
        """Answers a conversation piece by piece: yields what is new, and the whole with the last piece.

        Closing it, such as by `contextlib.aclosing`, cancels the call.
        """
        asked = made(llm_pb2.GenerateRequest, _asked(turns, sampling, thinking, extras))
        request, answer = llm_pb2.GenerateStreamRequest(request=asked), llm_pb2.GenerateStreamResponse
        stub = llm_pb2_grpc.LlmServiceStub
        pieces = self.endpoint.stream(stub, "GenerateStream", request, answer, self.timeout_s)
        try:
            async for piece in pieces:
                is_last = piece.HasField("generation")
                yield piece.delta, generation_from(piece.generation) if is_last else None
        finally:
            await pieces.aclose()

    async def score(self, turns: Sequence[Turn], choices: Sequence[str]) -> list[tuple[float, int]]:
        """Returns each option's summed log-probability as the answer, and its number of tokens."""
        response = await self._score(*_scored((turns, choices)))
        return [(score.logprob, score.num_tokens) for score in response.scores]

    async def score_choices(
        self, turns: Sequence[Turn], choices: Sequence[str], *, by: ScoreBy = "text", adapter: str = ""
    ) -> list[ChoiceScore]:
        """Scores each option as the whole answer: by its text, its letter, or both; sum and mean over its tokens."""
        return scores((await self._score(*_scored((turns, choices), by, adapter))).scores, by)

    async def score_choices_batch(
        self, questions: Sequence[Question], *, by: ScoreBy = "text", adapter: str = ""
    ) -> list[list[ChoiceScore] | EarwitnessError]:
        """Scores the options of many conversations; returns scores or an error for each, in order."""
        results = await self._score.batch([_scored(question, by, adapter) for question in questions])
        return [result if isinstance(result, EarwitnessError) else scores(result.scores, by) for result in results]


def _asked(turns: Sequence[Turn], sampling: Sampling, thinking: bool, extras: Extras) -> Fields:
    fields: Fields = {"messages": _messages(turns), "sampling": sampled(sampling), "thinking": thinking}
    if extras is PLAIN:
        return fields
    if extras.echo:
        raise InvalidInput("a prompt has no echo over gRPC", "echo", "ask /v1/completions for it")
    wanted = {
        "adapter": extras.adapter,
        "top_logprobs": extras.top_logprobs,
        "json_schema": extras.json_schema,
    }
    return fields | wanted


def _scored(question: Question, by: ScoreBy = "text", adapter: str = "") -> tuple[Fields, int]:
    turns, choices = question
    if by not in BY:
        raise InvalidInput(f"unknown {by!r}", "by", f"use one of {', '.join(BY)}")
    fields = {"messages": _messages(turns), "choices": choices, "by": BY[by], "adapter": adapter}
    return fields, _size(turns) + BYTES_PER_CHAR * sum(map(len, choices))


def _messages(turns: Sequence[Turn]) -> list[Fields]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _size(turns: Sequence[Turn]) -> int:
    return BYTES_PER_CHAR * sum([len(turn.content) for turn in turns])
