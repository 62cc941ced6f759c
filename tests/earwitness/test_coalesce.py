import asyncio

import pytest

from earwitness.coalesce import Coalescer
from earwitness.errors import EngineFailure, InvalidInput, Unavailable


class Upper:
    """Answers in capitals, once the `gate` is open, and keeps what came, one by one and in batches."""

    def __init__(self):
        self.ones, self.batches = [], []
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0

    async def one(self, word):
        self.ones.append(word)
        await self.gate.wait()
        return word.upper()

    async def many(self, words):
        self.batches.append(list(words))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if "broken" in words:
            raise Unavailable("the replica died")
        if "short" in words:
            return ["one"]
        return [InvalidInput("no word", word) if word == "bad" else word.upper() for word in words]


@pytest.fixture
def upper():
    return Upper()


def coalescer(upper, most=32, most_size=1000):
    return Coalescer(upper.one, upper.many, most, most_size)


async def ask(calls, words):
    return await asyncio.gather(*[calls.submit(word, len(word)) for word in words], return_exceptions=True)


async def test_calls_of_one_moment_go_out_as_one_and_each_gets_its_own(upper):
    words = [f"word {number}" for number in range(20)]
    assert await ask(coalescer(upper), words) == [word.upper() for word in words]
    assert upper.batches == [words]
    assert upper.ones == []


async def test_a_lone_call_goes_as_it_is_at_once(upper):
    calls, turns = coalescer(upper), 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await asyncio.sleep(0)
    assert await calls.submit("hello") == "HELLO"
    counter.cancel()
    assert upper.ones == ["hello"]
    assert upper.batches == []
    assert turns <= 4


async def test_what_one_batch_answered_makes_the_next(upper):
    calls = coalescer(upper)

    async def talk(name):
        for turn in range(5):
            await calls.submit(f"{name}{turn}")

    await asyncio.gather(*[talk(name) for name in "abcdefgh"])
    assert [len(batch) for batch in upper.batches] == [8] * 5


async def test_calls_of_different_moments_do_not_wait_for_each_other(upper):
    calls = coalescer(upper)
    upper.gate.clear()
    first = asyncio.create_task(ask(calls, ["a", "b"]))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(ask(calls, ["c", "d"]))
    await asyncio.sleep(0.01)
    assert upper.batches == [["a", "b"], ["c", "d"]]
    upper.gate.set()
    assert await first + await second == ["A", "B", "C", "D"]


async def test_no_batch_is_larger_than_allowed_and_all_go_at_once(upper):
    upper.gate.clear()
    asked = asyncio.create_task(ask(coalescer(upper, most=4), [str(number) for number in range(9)]))
    await asyncio.sleep(0.01)
    assert upper.batches == [["0", "1", "2", "3"], ["4", "5", "6", "7"]]
    assert upper.ones == ["8"]
    upper.gate.set()
    assert await asked == [str(number) for number in range(9)]


async def test_no_batch_is_heavier_than_allowed_but_for_a_request_that_is_so_alone(upper):
    await ask(coalescer(upper, most_size=10), ["aaaa", "bbbb", "cccc", "d" * 50, "eeee", "ffff"])
    assert upper.batches == [["aaaa", "bbbb"], ["eeee", "ffff"]]
    assert upper.ones == ["cccc", "d" * 50]


@pytest.mark.parametrize("most", [0, 1])
async def test_without_batches_every_call_goes_as_it_is(upper, most):
    assert await ask(coalescer(upper, most), ["a", "b"]) == ["A", "B"]
    assert (upper.ones, upper.batches) == (["a", "b"], [])


async def test_a_bad_request_fails_alone(upper):
    a, bad, b = await ask(coalescer(upper), ["a", "bad", "b"])
    assert (a, b) == ("A", "B")
    assert isinstance(bad, InvalidInput)
    assert bad.field == "bad"


@pytest.mark.parametrize(("word", "error"), [("broken", Unavailable), ("short", EngineFailure)])
async def test_a_batch_that_fails_as_a_whole_fails_for_every_caller_and_for_no_other(upper, word, error):
    calls = coalescer(upper, most=3)
    answers = await ask(calls, ["a", word, "b", "c", "d"])
    assert [type(answer) for answer in answers] == [error] * 3 + [str] * 2
    assert await ask(calls, ["e", "f"]) == ["E", "F"]


async def test_a_caller_that_is_cancelled_leaves_the_others_alone(upper):
    calls = coalescer(upper)
    upper.gate.clear()
    tasks = [asyncio.create_task(calls.submit(word)) for word in "abc"]
    await asyncio.sleep(0.01)
    tasks[1].cancel()
    await asyncio.sleep(0.01)
    upper.gate.set()
    assert [await tasks[0], await tasks[2]] == ["A", "C"]
    assert tasks[1].cancelled()
    assert upper.cancelled == 0


async def test_a_caller_that_is_cancelled_before_the_batch_goes_is_not_in_it(upper):
    calls = coalescer(upper)
    tasks = [asyncio.create_task(calls.submit(word)) for word in "abc"]
    asyncio.get_running_loop().call_soon(tasks[1].cancel)
    await asyncio.wait(tasks)
    assert upper.batches == [["a", "c"]]


async def test_a_batch_that_nobody_waits_for_any_more_is_cancelled(upper):
    calls = coalescer(upper)
    upper.gate.clear()
    tasks = [asyncio.create_task(calls.submit(word)) for word in "abc"]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0.01)
    assert upper.cancelled == 1


async def test_a_lone_call_that_is_cancelled_is_cancelled_itself(upper):
    calls = coalescer(upper)
    upper.gate.clear()
    task = asyncio.create_task(calls.submit("a"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upper.ones == ["a"]
