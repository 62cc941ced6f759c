"""The load against a real server that refuses, fails and lies."""

import asyncio

from google.rpc import error_details_pb2, status_pb2

from earwitness import server
from earwitness.errors import Overloaded, Unavailable
from earwitness.status import DETAILS_KEY, to_status
from tests.serving import FunctionServicer, said
from tools.chaos.load import Load, Tally, says_when


async def loaded(answer, seconds: float = 0.5) -> Tally:
    running, port = await server.start(FunctionServicer(answer, limit=4))
    stop = asyncio.Event()
    load = Load(
        address=f"127.0.0.1:{port}",
        callers=4,
        timeout_s=5.0,
        max_tokens=4,
        question=lambda number: f"call {number}",
        answer=lambda number: f"call {number}",
    )
    task = asyncio.create_task(load.run(stop))
    await asyncio.sleep(seconds)
    stop.set()
    tally = await task
    await running.stop(None)
    return tally


async def test_what_fails_once_is_tried_again_and_not_lost() -> None:
    failed: set[str] = set()

    async def flaky(request):
        text = request.messages[0].content
        if text.endswith("1") and text not in failed:
            failed.add(text)
            raise Unavailable("for once")
        return said(text)

    tally = await loaded(flaky)
    assert tally.calls > 10
    assert tally.failed_attempts == {"UNAVAILABLE": len(failed)}
    assert tally.retried == len(failed)
    assert not tally.lost


async def test_an_answer_to_another_question_is_lost() -> None:
    async def lying(request):
        return said("call 0")

    tally = await loaded(lying, 0.1)
    assert len(tally.lost) == tally.calls - 1


async def test_refusals_are_counted_and_say_when_to_try_again() -> None:
    places = asyncio.Semaphore(1)

    async def narrow(request):
        if places.locked():
            raise Overloaded("no place", retry_after_s=0.05)
        async with places:
            await asyncio.sleep(0.02)
            return said(request.messages[0].content)

    tally = await loaded(narrow)
    assert tally.refused > 0
    assert not tally.untyped
    assert not tally.lost


def test_a_refusal_without_a_time_is_known() -> None:
    bare = status_pb2.Status(code=8, message="full")
    assert says_when([(DETAILS_KEY, to_status(Overloaded("full")).SerializeToString())])
    assert not says_when([(DETAILS_KEY, bare.SerializeToString())])
    assert not says_when(None)
    assert error_details_pb2.RetryInfo.DESCRIPTOR.name == "RetryInfo"
