import asyncio
import threading

import pytest

from earwitness.batcher import Batcher


class Work:
    """Squares numbers; holds each batch until it is let go, and fails on negative ones."""

    def __init__(self):
        self.batches = []
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.began.release()
        assert self.go.acquire(timeout=10)
        if min(numbers) < 0:
            raise ValueError(min(numbers))
        return [number**2 for number in numbers]

    async def has_begun(self):
        assert await asyncio.to_thread(self.began.acquire, timeout=10)

    def let_go(self, batches=100):
        self.go.release(batches)


async def queue(batcher, work, *numbers):
    """Submits the first number, and the others while it is worked on."""
    first, *others = numbers
    tasks = [asyncio.create_task(batcher.submit(first))]
    await work.has_begun()
    tasks += [asyncio.create_task(batcher.submit(number)) for number in others]
    await asyncio.sleep(0)
    return tasks


async def test_what_waits_while_a_batch_runs_makes_the_next_up_to_its_size():
    work = Work()
    tasks = await queue(Batcher(work, 3), work, *range(6))
    work.let_go()
    assert await asyncio.gather(*tasks) == [0, 1, 4, 9, 16, 25]
    assert work.batches == [[0], [1, 2, 3], [4, 5]]


async def test_a_bad_item_fails_alone():
    work = Work()
    tasks = await queue(Batcher(work, 3), work, 0, 1, -2, 3)
    work.let_go()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [results[0], results[1], results[3]] == [0, 1, 9]
    assert isinstance(results[2], ValueError)
    assert results[2].args == (-2,)


async def test_a_cancelled_item_that_waits_is_never_worked_on():
    work = Work()
    tasks = await queue(Batcher(work, 3), work, 0, 1, 2)
    tasks[1].cancel()
    work.let_go()
    assert await tasks[2] == 4
    assert work.batches == [[0], [2]]


async def test_an_item_cancelled_while_its_batch_fails_is_not_tried_alone():
    work = Work()
    tasks = await queue(Batcher(work, 3), work, 0, 1, -2, 3)
    work.let_go(1)
    await work.has_begun()
    tasks[1].cancel()
    work.let_go()
    assert await tasks[3] == 9
    assert work.batches == [[0], [1, -2, 3], [-2], [3]]
    assert tasks[1].cancelled()
    assert isinstance(tasks[2].exception(), ValueError)


async def test_the_event_loop_stays_free_while_a_batch_runs():
    work = Work()
    (task,) = await queue(Batcher(work, 3), work, 5)
    await asyncio.sleep(0.01)
    assert not task.done()
    work.let_go()
    assert await task == 25


async def test_batches_run_one_at_a_time_on_one_thread():
    threads = set()

    def work(numbers):
        threads.add(threading.get_ident())
        return numbers

    batcher = Batcher(work, 2)
    assert await asyncio.gather(*[batcher.submit(number) for number in range(50)]) == list(range(50))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_an_idle_batcher_starts_again():
    batcher = Batcher(list, 4)
    for number in range(3):
        assert await batcher.submit(number) == number


@pytest.mark.parametrize("results", [[], [1, 2]], ids=["too few", "too many"])
async def test_work_that_loses_count_fails_instead_of_leaving_its_callers_waiting(results):
    batcher = Batcher(lambda numbers: results, 4)
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match=f"{len(results)} results for 1 items"):
            await batcher.submit(7)


async def test_work_that_raises_stop_iteration_fails_instead_of_leaving_its_callers_waiting():
    batcher = Batcher(lambda numbers: [next(iter(())) for _ in numbers], 4)
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await batcher.submit(7)
