import asyncio

import grpc
import pytest

from earwitness.admission import Admission
from earwitness.batch import gather
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotFound, Overloaded
from earwitness.status import from_status
from earwitness.v1 import llm_pb2, llm_pb2_grpc
from tests.serving import FunctionServicer, channel, said, serving


def asking(*contents):
    messages = [[llm_pb2.ChatMessage(role="user", content=content)] for content in contents]
    return [llm_pb2.GenerateRequest(messages=each) for each in messages]


async def repeat(request):
    content = request.messages[0].content
    if content == "missing":
        raise NotFound("there is no such thing", "messages[0].content", "ask for another")
    if content == "broken":
        raise ZeroDivisionError
    return said(content)


async def test_a_bad_item_fails_alone_with_the_status_of_its_unary_call():
    async with serving(FunctionServicer(repeat), LlmClient) as client, channel(client.endpoint.address) as bare:
        batch = llm_pb2.GenerateBatchRequest(requests=asking("a", "missing", "b", "broken"))
        answer = await llm_pb2_grpc.LlmServiceStub(bare).GenerateBatch(batch)
        with pytest.raises(NotFound) as alone:
            await client.generate([Turn(role="user", content="missing")])
    first, missing, second, broken = answer.results
    assert [first.response.generation.text, second.response.generation.text] == ["a", "b"]
    assert vars(from_status(missing.error)) == vars(alone.value)
    assert broken.error.code == grpc.StatusCode.INTERNAL.value[0]
    assert "ZeroDivisionError" not in str(broken.error)


@pytest.mark.parametrize("size", [0, 5, 1000])
@pytest.mark.parametrize("taken", [0, 7])
async def test_a_batch_over_the_limit_is_refused_with_the_limit_however_busy_the_server_is(size, taken):
    admission = Admission(8)
    admission.in_flight = taken
    with pytest.raises(InvalidInput, match=rf"requests: {size} requests in one batch \(send 1 to 4\)"):
        await gather(asking(*["a"] * size), repeat, 4, admission)
    assert admission.in_flight == taken


async def test_a_batch_takes_a_place_for_each_item_while_it_lasts():
    admission, go = Admission(4), asyncio.Event()

    async def wait(request):
        await go.wait()

    running = asyncio.create_task(gather(asking("a", "b", "c"), wait, 4, admission))
    await asyncio.sleep(0)
    assert admission.in_flight == 3
    with pytest.raises(Overloaded):
        await gather(asking("a", "b"), wait, 4, admission)
    go.set()
    assert await running == [None] * 3
    assert admission.in_flight == 0


async def test_items_are_worked_on_at_once_and_results_keep_the_order():
    waiting = asyncio.Barrier(4)

    async def meet(request):
        await waiting.wait()
        await asyncio.sleep(0.001 * (5 - len(request)))
        return request

    requests = ["a", "bb", "ccc", "dddd"]
    assert await asyncio.wait_for(gather(requests, meet, 4, Admission(4)), 5) == requests


async def test_a_cancelled_batch_cancels_every_item():
    cancelled, admission = [], Admission(4)

    async def wait(request):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(request)
            raise

    running = asyncio.create_task(gather(["a", "b"], wait, 4, admission))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(cancelled) == ["a", "b"]
    assert admission.in_flight == 0
