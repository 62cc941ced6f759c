"""A batcher: calls that arrive one by one, done together on a thread, so that the event loop stays free.

While one batch runs, what arrives waits and makes the next: no timer, and no delay for a lone call.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from earwitness import metrics
from earwitness.metrics.declared import BATCH_SIZE, ENGINE_RUNNING, ENGINE_WAITING

T = TypeVar("T")
R = TypeVar("R")
ENGINE = "batcher"
"""Its name in metrics."""


class Batcher(Generic[T, R]):
    """Runs `work` over batches of at most `size`, on one thread of its own, one batch at a time."""

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], size: int) -> None:
        """`work` returns one result per item, in order. Where it raises, every item of the batch is tried alone."""
        self._work = work
        self._size = size
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None
        self._num_running = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")
        self._metrics = metrics.current()
        self._metrics.watch(ENGINE_WAITING, lambda: len(self._waiting), ENGINE)
        self._metrics.watch(ENGINE_RUNNING, lambda: self._num_running, ENGINE)

    async def submit(self, item: T) -> R:
        """Returns the item's result, or raises what its own work raised. A cancelled item that waits is dropped."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            waiting = [(item, future) for item, future in self._waiting if not future.done()]
            batch, self._waiting = waiting[: self._size], waiting[self._size :]
            if batch:
                self._num_running = len(batch)
                self._metrics.observe(BATCH_SIZE, len(batch), ENGINE)
                await self._settle(batch)
                self._num_running = 0

    async def _settle(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self._thread, self._checked, [item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for item, future in batch:
                    if not future.done():
                        await self._settle([(item, future)])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    def _checked(self, items: Sequence[T]) -> Sequence[R]:
        """Works; what would leave callers waiting for ever becomes an error that reaches them."""
        try:
            results = self._work(items)
        except StopIteration as error:  # no future can hold one
            raise RuntimeError("the work raised StopIteration") from error
        if len(results) != len(items):
            raise RuntimeError(f"the work gave {len(results)} results for {len(items)} items")
        return results
