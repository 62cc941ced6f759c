"""A service that a run calls: who answers there, how many calls it bears, and how often a call is tried again."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from earwitness.clients import CaptionerClient, LalmClient, LlmClient
from earwitness.fanout import Budget, Retries, persist
from earwitness.identity import Identity
from earwitness.limit import Limit
from services.evaluator.latency import Latency

READY_WITHIN_S = 120.0
CHANNELS = 4
BATCH = 32
"""The most calls that leave as one."""
SHORT_TOKENS = 64
"""Answers that may be longer are asked for one by one: a batch takes as long as its longest."""
IN_FLIGHT, FIRST_IN_FLIGHT = 256, 32
ENDPOINT = "openai:"
KINDS = {"llm": LlmClient, "captioner": CaptionerClient, "lalm": LalmClient}
R = TypeVar("R")


class Client(Protocol):
    """What every client can do, whatever it asks for."""

    async def ready(self, within_s: float) -> None:
        """Waits until the model has answered once; raises the last error when it has not in time."""
        ...

    async def identity(self) -> Identity:
        """Asks which model answers."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


C = TypeVar("C", bound=Client)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried(Generic[R]):
    """What a call came to, and in how many attempts."""

    value: R
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Service(Generic[C]):
    """An open service."""

    client: C
    identity: Identity
    limit: Limit = field(default_factory=lambda: Limit(IN_FLIGHT))
    retries: Retries = field(default_factory=Retries)
    budget: Budget = field(default_factory=Budget)
    latency: Latency = field(default_factory=Latency)

    async def call(self, ask: Callable[[C], Awaitable[R]]) -> Tried[R]:
        """Calls within the limit, again after what may pass; raises the last error, or Outage if all else fails too."""
        attempts = 0

        async def attempt() -> R:
            nonlocal attempts
            async with self.limit.place():
                attempts += 1
                started = time.monotonic()
                value = await ask(self.client)
                self.latency.add(time.monotonic() - started)
                return value

        value = await persist(attempt, self.retries, self.budget)
        return Tried(value=value, attempts=attempts)


def connect(kind: str, target: str, batch: int = 0) -> Client:
    """Returns a client of the `llm`, `captioner` or `lalm` at `host:port`, or of an endpoint `openai:NAME`.

    With `batch`, so many calls to the former may leave as one.

    Raises NotFound for an endpoint that the catalogue does not have.
    """
    if target.startswith(ENDPOINT):
        from earwitness.openai import OpenAiClient, endpoint

        return OpenAiClient(endpoint(target.removeprefix(ENDPOINT)))
    return KINDS[kind].at(target, num_channels=CHANNELS, batch=batch)


async def open_service(
    kind: str, target: str, *, in_flight: int = IN_FLIGHT, max_tokens: int = SHORT_TOKENS
) -> "Service[Client]":
    """Connects, waits until the service answers, and asks who it is; raises what the client raises."""
    is_short = kind != "captioner" and max_tokens <= SHORT_TOKENS
    client = connect(kind, target, BATCH if is_short else 0)
    try:
        await client.ready(READY_WITHIN_S)
        identity = await client.identity()
    except BaseException:
        await client.close()
        raise
    limit, budget = Limit(in_flight, first=FIRST_IN_FLIGHT), Budget(f"{kind} {target}")
    return Service(client=client, identity=identity, limit=limit, budget=budget)
