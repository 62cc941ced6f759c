"""A small call: what it takes through HAProxy, Ray Serve, our edge and our client, beside a bare grpc.aio server."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import grpc.aio

from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.sampling import Sampling
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2
from tools.bench.figures import Spread
from tools.bench.served.pairs import upper_bound
from tools.bench.served.race import stopped
from tools.serving.child import Child

CALLS = 500
QUESTION, MAX_TOKENS = "Which of these rings: a bell or a door?", 8
Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Delay:
    """The median duration of a call on both sides, round by round, in milliseconds."""

    served_ms: tuple[float, ...]
    bare_ms: tuple[float, ...]
    wanted_ms: float = 3.0

    @property
    def added(self) -> Spread:
        """What serving adds."""
        return Spread.of(self._added)

    @property
    def bound(self) -> float:
        """The upper 95 % bound of the median of what it adds."""
        return upper_bound(self._added)

    @property
    def met(self) -> bool:
        """Whether even the bound is little enough."""
        return self.bound <= self.wanted_ms

    @property
    def _added(self) -> list[float]:
        return [served - bare for served, bare in zip(self.served_ms, self.bare_ms, strict=True)]


async def measure(cluster: Child, plain: Child, rounds: int, calls: int, say: Callable[[str], None]) -> Delay:
    """Calls both one call after the other, `calls` times a round, in turn; a first round does not count."""
    client = LlmClient.at(cluster.ready["grpc"])
    await client.ready(60)
    turns, sampling = [Turn(role="user", content=QUESTION)], Sampling(max_tokens=MAX_TOKENS)
    message = llm_pb2.ChatMessage(role="user", content=QUESTION)
    request = llm_pb2.GenerateRequest(messages=[message], sampling=model_pb2.Sampling(max_tokens=MAX_TOKENS))
    served: list[float] = []
    bare: list[float] = []
    async with grpc.aio.insecure_channel(plain.ready["grpc"]) as channel:
        stub: Any = llm_pb2_grpc.LlmServiceStub(channel)
        for number in range(rounds + 1):
            sides: list[tuple[list[float], Child, Call]] = [
                (served, plain, lambda: client.generate(turns, sampling)),
                (bare, cluster, lambda: stub.Generate(request)),
            ]
            for found, other, call in sides if number % 2 else sides[::-1]:
                with stopped(other):
                    found.append(await _median_ms(call, calls))
            say(f"a small call, round {number}: {served[-1]:.2f} ms served, {bare[-1]:.2f} ms bare")
    await client.close()
    return Delay(served_ms=tuple(served[1:]), bare_ms=tuple(bare[1:]))


async def _median_ms(call: Call, calls: int) -> float:
    for _ in range(calls // 10):
        await call()
    durations: list[float] = []
    for _ in range(calls):
        started = time.perf_counter()
        await call()
        durations.append(time.perf_counter() - started)
    return median(durations) * 1000
