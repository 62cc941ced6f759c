"""A coalescer: calls made in the same iteration of the event loop go out as one batch. It knows nothing of gRPC.

There is no timer: a call that is alone goes as it is, once the iteration has ended. Those that one batch has answered
return together, so that callers in a loop stay together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

from earwitness.errors import EarwitnessError, EngineFailure

Q = TypeVar("Q")
R = TypeVar("R")


class Batch(Generic[Q, R]):
    """Calls that go out together."""

    __slots__ = ("futures", "is_lone", "requests", "size", "task")

    def __init__(self) -> None:
        self.requests: list[Q] = []
        self.futures: list[asyncio.Future[R | None]] = []
        self.size = 0
        self.is_lone = False
        self.task: asyncio.Task[None] | None = None

    def drop_abandoned(self) -> None:
        """Leaves only the calls that somebody waits for."""
        pairs = zip(self.requests, self.futures, strict=True)
        live = [(request, future) for request, future in pairs if not future.done()]
        self.requests, self.futures = [request for request, _ in live], [future for _, future in live]


class Coalescer(Generic[Q, R]):
    """Makes batches of calls, each of which gets the result or the error that is its own. For one event loop."""

    def __init__(
        self,
        one: Callable[[Q], Awaitable[R]],
        many: Callable[[Sequence[Q]], Awaitable[Sequence[R | EarwitnessError]]],
        most: int,
        most_size: int,
    ) -> None:
        """Sends with `one` what is alone, and with `many` up to `most` requests, of `most_size` in all.

        `many` returns one result or error per request, in order; what it raises, each of its callers gets. Below 2,
        `most` stands for no batches at all. A request over `most_size` goes alone.
        """
        self._one = one
        self._many = many
        self._most = most
        self._most_size = most_size
        self._open: list[Batch[Q, R]] = []

    async def submit(self, request: Q, size: int = 0) -> R:
        """Returns the request's own result, or raises its own error; the `size` is in the unit of `most_size`.

        A caller that is cancelled leaves the others alone; the last of a batch takes the batch with it.
        """
        if self._most < 2:
            return await self._one(request)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R | None] = loop.create_future()
        batch = self._join(request, size, future, loop)
        try:
            result = await future
        except asyncio.CancelledError:
            if batch.task is not None and all(other.cancelled() for other in batch.futures):
                batch.task.cancel()
            raise
        return await self._one(request) if batch.is_lone else cast(R, result)

    def _join(
        self, request: Q, size: int, future: "asyncio.Future[R | None]", loop: asyncio.AbstractEventLoop
    ) -> Batch[Q, R]:
        """Adds a request to the last batch of this iteration, or to a new one where that is full."""
        if not self._open:
            loop.call_soon(self._send_all)
        batch = self._open[-1] if self._open else None
        if batch is None or len(batch.requests) >= self._most or batch.size + size > self._most_size:
            batch = Batch[Q, R]()
            self._open.append(batch)
        batch.requests.append(request)
        batch.futures.append(future)
        batch.size += size
        return batch

    def _send_all(self) -> None:
        batches, self._open = self._open, []
        for batch in batches:
            batch.drop_abandoned()
            if len(batch.futures) == 1:
                batch.is_lone = True
                batch.futures[0].set_result(None)
            elif batch.futures:
                batch.task = asyncio.create_task(self._send(batch))

    async def _send(self, batch: Batch[Q, R]) -> None:
        try:
            results = await self._many(batch.requests)
            if len(results) != len(batch.requests):
                raise EngineFailure(f"{len(results)} results came for {len(batch.requests)} requests")
        except asyncio.CancelledError:
            for future in batch.futures:
                future.cancel()
            raise
        except Exception as error:
            results = [error] * len(batch.requests)
        for future, result in zip(batch.futures, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
