"""A load of calls that must all be answered rightly, each tried again as the product's client tries.

Beneath that client's errors it reads gRPC's own: whether a refusal says when to try again is lost above.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from earwitness.channel import RECONNECT_MS, error_of
from earwitness.errors import EarwitnessError
from earwitness.fanout import Retries, persist
from earwitness.status import DETAILS_KEY
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2

CHANNELS = 8
MOST_TOLD = 5


@dataclass(kw_only=True, slots=True)
class Tally:
    """What became of the calls."""

    calls: int = 0
    lost: list[str] = field(default_factory=list[str])
    """Calls that failed for good, or were answered wrongly: why."""
    failed_attempts: Counter[str] = field(default_factory=Counter[str])
    """By code; each was tried again, or is among the lost."""
    untyped: list[str] = field(default_factory=list[str])
    """Refusals that do not say when to try again."""
    longest_s: float = 0.0
    """The longest call, with all its attempts."""
    longest_refusal_s: float = 0.0
    seconds: float = 0.0

    @property
    def refused(self) -> int:
        """Attempts that found no place."""
        return self.failed_attempts["RESOURCE_EXHAUSTED"]

    @property
    def retried(self) -> int:
        """Attempts after a first one."""
        return self.failed_attempts.total() - len(self.lost)

    def failed(self, error: grpc.aio.AioRpcError, seconds: float) -> None:
        """Counts an attempt that failed."""
        self.failed_attempts[error.code().name] += 1
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            self.longest_refusal_s = max(self.longest_refusal_s, seconds)
            if not says_when(error.trailing_metadata()):
                self.untyped.append(error.details() or "no details")


def says_when(trailing: Any) -> bool:
    """Returns whether a refusal's metadata hold a RetryInfo."""
    status = next((value for key, value in trailing or () if key == DETAILS_KEY), None)
    if status is None:
        return False
    details = status_pb2.Status.FromString(status).details
    return any(detail.Unpack(error_details_pb2.RetryInfo()) for detail in details)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How is asked: so many callers, each with one call after the other."""

    address: str
    callers: int
    timeout_s: float
    """Of one attempt."""
    max_tokens: int
    question: Callable[[int], str]
    answer: Callable[[int], str | None]
    """What the question must be answered with; None where that is not known."""

    async def run(self, stop: asyncio.Event) -> Tally:
        """Asks until it is told to stop; then waits for what is under way."""
        tally, numbers, started = Tally(), itertools.count(), time.monotonic()
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
        ]
        channels = [grpc.aio.insecure_channel(self.address, options) for _ in range(CHANNELS)]
        stubs = itertools.cycle([llm_pb2_grpc.LlmServiceStub(channel) for channel in channels])

        async def caller() -> None:
            while not stop.is_set():
                await self._ask(next(numbers), stubs, tally)

        await asyncio.gather(*[caller() for _ in range(self.callers)])
        for channel in channels:
            await channel.close()
        tally.seconds = time.monotonic() - started
        return tally

    async def _ask(self, number: int, stubs: Any, tally: Tally) -> None:
        turn = llm_pb2.ChatMessage(role="user", content=self.question(number))
        sampling = model_pb2.Sampling(max_tokens=self.max_tokens)
        request = llm_pb2.GenerateRequest(messages=[turn], sampling=sampling)

        async def attempt() -> llm_pb2.GenerateResponse:
            begun = time.monotonic()
            call = next(stubs).Generate(request, metadata=(("application", "llm"),), timeout=self.timeout_s)
            try:
                return await call
            except grpc.aio.AioRpcError as error:
                tally.failed(error, time.monotonic() - begun)
                raise error_of(error, self.address) from None

        started = time.monotonic()
        tally.calls += 1
        try:
            said = (await persist(attempt, Retries())).generation.text
            expected = self.answer(number)
            if expected is not None and said != expected:
                tally.lost.append(f"{said[:80]!r} for {expected[:80]!r}")
        except EarwitnessError as error:
            tally.lost.append(f"{type(error).__name__}: {error}")
        tally.longest_s = max(tally.longest_s, time.monotonic() - started)
