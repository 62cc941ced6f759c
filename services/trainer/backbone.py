"""The backbone as distillation asks it: one model behind one address, or in this process.

Whatever answers, the answers are the same: `services.trainer.ray_data` has the backbone that is many.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.fanout import Budget, Retries, fan_out, persist
from earwitness.identity import Identity
from earwitness.limit import Limit
from earwitness.sampling import Generation, Sampling
from services.trainer.tasks import Task, conversation, seeded

READY_WITHIN_S = 120.0
IN_FLIGHT, FIRST_IN_FLIGHT = 256, 32
BATCH, SHORT_TOKENS = 32, 64
"""So many conversations leave as one RPC, which is answered when the slowest is; longer answers go one by one."""

OnAnswer = Callable[[Task, Generation], Awaitable[None]]


class Chat(Protocol):
    """A model that answers conversations."""

    async def generate(self, turns: Sequence[Turn], sampling: Sampling, *, thinking: bool = False) -> Generation:
        """Answers a conversation."""
        ...

    async def identity(self) -> Identity:
        """Says which model answers."""
        ...

    async def close(self) -> None:
        """Frees what it holds."""
        ...


class Backbone(Protocol):
    """What answers the tasks."""

    async def identity(self) -> Identity:
        """Says which model answers."""
        ...

    async def answer(self, tasks: Iterable[Task], sampling: Sampling, on_answer: OnAnswer) -> None:
        """Answers every task, in any order, and tells each answer; raises the first error that would not pass."""
        ...

    async def close(self) -> None:
        """Frees what it holds."""
        ...


@dataclass(kw_only=True, slots=True)
class OneBackbone:
    """See Backbone. One model, with as many conversations at once as it bears."""

    chat: Chat
    target: str = "llm"
    """Names it in errors."""
    in_flight: int = IN_FLIGHT
    first_in_flight: int = FIRST_IN_FLIGHT
    retries: Retries = field(default_factory=Retries)
    _limit: Limit = field(init=False)
    _budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self._limit = Limit(self.in_flight, first=self.first_in_flight)
        self._budget = Budget(self.target)

    async def identity(self) -> Identity:
        """See Backbone."""
        return await self.chat.identity()

    async def ask(self, turns: Sequence[Turn], sampling: Sampling) -> Generation:
        """Answers one conversation, again after what may pass."""

        async def attempt() -> Generation:
            async with self._limit.place():
                return await self.chat.generate(turns, sampling)

        return await persist(attempt, self.retries, self._budget)

    async def answer(self, tasks: Iterable[Task], sampling: Sampling, on_answer: OnAnswer) -> None:
        """See Backbone."""

        async def settle(task: Task) -> None:
            await on_answer(task, await self.ask(conversation(task), seeded(sampling, task.id)))

        await fan_out(tasks, settle, self.in_flight)

    async def close(self) -> None:
        """See Backbone."""
        await self.chat.close()


async def at_service(address: str, *, max_tokens: int, in_flight: int = IN_FLIGHT) -> OneBackbone:
    """Returns the LLM service at `host:port` once it answers; raises what the client raises."""
    client = LlmClient.at(address, batch=BATCH if max_tokens <= SHORT_TOKENS else 0)
    try:
        await client.ready(READY_WITHIN_S)
    except BaseException:
        await client.close()
        raise
    return OneBackbone(chat=client, target=f"llm {address}", in_flight=in_flight)
