import asyncio
import time

import grpc
import pytest

from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import EngineFailure, InvalidInput, Overloaded
from earwitness.fanout import Retries, persist
from earwitness.sampling import Generation, Sampling
from earwitness.scaling import QUESTIONS
from earwitness.status import from_status
from earwitness.v1 import llm_pb2, llm_pb2_grpc, model_pb2
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.servicer import LlmServicer
from tests.serving import channel, serving

CONFIG = LlmConfig(engine="echo")


class WordEngine(EchoTextEngine):
    """The echo, word by word, and only when it is let go; it notes what it was asked and what was cancelled."""

    def __init__(self):
        super().__init__(CONFIG)
        self.asked = []
        self.cancelled = 0
        self.go = asyncio.Event()

    async def generate(self, turns, sampling, *, thinking):
        self.asked.append((turns, sampling, thinking))
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if turns[-1].content == "fail":
            raise EngineFailure("the engine is dead")
        return await super().generate(turns, sampling, thinking=thinking)

    async def stream(self, turns, sampling, *, thinking):
        whole = await self.generate(turns, sampling, thinking=thinking)
        so_far = ""
        for word in whole.text.split(" "):
            await asyncio.sleep(0.03)
            piece = f" {word}" if so_far else word
            so_far += piece
            yield piece, Generation(text=so_far, finish_reason="length", prompt_tokens=1, completion_tokens=1)

    async def until_asked(self, times=1):
        async with asyncio.timeout(5):
            while len(self.asked) < times:
                await asyncio.sleep(0.001)


@pytest.fixture
async def engine():
    engine = WordEngine()
    engine.go.set()
    return engine


def user(content):
    return Turn(role="user", content=content)


def request(content, **fields):
    return llm_pb2.GenerateRequest(messages=[llm_pb2.ChatMessage(role="user", content=content)], **fields)


async def test_the_engine_gets_the_conversation_as_it_was_sent(engine):
    turns = (Turn(role="system", content="Be brief."), user("遅い?\n"))
    sampling = Sampling(max_tokens=7, temperature=0.5, top_p=0.25, seed=3, stop=("\n",))
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client:
        await client.generate(turns, sampling, thinking=True)
        await client.generate(turns)
    assert engine.asked == [(turns, sampling, True), (turns, Sampling(), False)]


async def test_a_replica_tells_ray_of_the_questions_that_it_holds_and_not_of_the_calls(engine):
    engine.go.clear()
    servicer = LlmServicer(CONFIG, engine)
    async with serving(servicer, LlmClient) as client:
        batch = asyncio.ensure_future(client.generate_batch([[user("a")], [user("b")], [user("c")]]))
        await engine.until_asked(3)
        assert await servicer.record_autoscaling_stats() == {QUESTIONS: 3}
        engine.go.set()
        await batch
        assert await servicer.record_autoscaling_stats() == {QUESTIONS: 0}


async def test_a_batch_answers_in_order_and_a_bad_item_fails_alone_as_its_unary_call_does(engine):
    bad = request("x", sampling=model_pb2.Sampling(temperature=3))
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client, channel(client.endpoint.address) as bare:
        batch = llm_pb2.GenerateBatchRequest(requests=[request("a"), bad, request("fail"), request("b")])
        answer = await llm_pb2_grpc.LlmServiceStub(bare).GenerateBatch(batch)
        with pytest.raises(InvalidInput) as invalid:
            await client.generate([user("x")], Sampling(temperature=3))
        with pytest.raises(EngineFailure) as failed:
            await client.generate([user("fail")])
    first, second, third, fourth = answer.results
    assert [first.response.generation.text, fourth.response.generation.text] == ["a", "b"]
    assert vars(from_status(second.error)) == vars(invalid.value)
    assert vars(from_status(third.error)) == vars(failed.value)


async def test_stream_pieces_make_the_whole_that_the_last_message_holds(engine):
    text = "the quick brown fox jumps over the lazy dog"
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client, channel(client.endpoint.address) as bare:
        stream = llm_pb2_grpc.LlmServiceStub(bare).GenerateStream(llm_pb2.GenerateStreamRequest(request=request(text)))
        messages = [message async for message in stream]
    assert "".join(message.delta for message in messages) == text
    assert messages[-1].generation.text == text
    assert messages[-1].generation.finish_reason == model_pb2.FINISH_REASON_LENGTH
    assert not any(message.HasField("generation") for message in messages[:-1])
    assert 2 < len(messages) < 9


async def test_a_bad_conversation_never_starts_a_stream(engine):
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client, channel(client.endpoint.address) as bare:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm_pb2_grpc.LlmServiceStub(bare).GenerateStream(llm_pb2.GenerateStreamRequest()).read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert engine.asked == []


async def test_options_are_scored_in_order(engine):
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client:
        assert await client.score([user("Which?")], ["dog", "a cat", "ox"]) == [(-3.0, 1), (-5.0, 2), (-2.0, 1)]


async def test_overload_is_refused_at_once_while_the_others_go_on(engine):
    engine.go.clear()
    servicer = LlmServicer(LlmConfig(engine="echo", max_in_flight=2), engine)
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        admitted = [asyncio.create_task(client.generate([user(word)])) for word in ("a", "b")]
        await engine.until_asked(2)
        started = time.monotonic()
        with pytest.raises(Overloaded) as caught:
            await client.generate([user("c")])
        with pytest.raises(Overloaded):
            await client.score([user("c")], ["a", "b"])
        with pytest.raises(grpc.aio.AioRpcError) as batch:
            await llm_pb2_grpc.LlmServiceStub(bare).GenerateBatch(llm_pb2.GenerateBatchRequest(requests=[request("c")]))
        stream = llm_pb2_grpc.LlmServiceStub(bare).GenerateStream(llm_pb2.GenerateStreamRequest(request=request("c")))
        assert await stream.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert time.monotonic() - started < 5
        assert batch.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert caught.value.retry_after_s == 1.0
        assert (await client.identity()).model == "echo"
        engine.go.set()
        assert [answer.text for answer in await asyncio.gather(*admitted)] == ["a", "b"]
        assert (await client.generate([user("c")])).text == "c"


async def test_a_caller_who_persists_gets_through_an_overloaded_server(engine):
    servicer = LlmServicer(LlmConfig(engine="echo", max_in_flight=1), engine)
    servicer.admission.retry_after_s = 0.01
    retries = Retries(attempts=50, first_wait_s=0.01, longest_wait_s=0.02)
    async with serving(servicer, LlmClient) as client:
        calls = [persist(lambda word=word: client.generate([user(word)]), retries) for word in "abcdefgh"]
        assert "".join(answer.text for answer in await asyncio.gather(*calls)) == "abcdefgh"


async def test_a_cancelled_call_cancels_the_engines_work_and_frees_its_place(engine):
    engine.go.clear()
    servicer = LlmServicer(CONFIG, engine)
    async with serving(servicer, LlmClient) as client, channel(client.endpoint.address) as bare:
        stub = llm_pb2_grpc.LlmServiceStub(bare)
        batch = llm_pb2.GenerateBatchRequest(requests=[request("b"), request("c")])
        calls = [
            asyncio.create_task(client.generate([user("a")])),
            asyncio.ensure_future(stub.GenerateBatch(batch)),
            asyncio.ensure_future(stub.GenerateStream(llm_pb2.GenerateStreamRequest(request=request("d"))).read()),
        ]
        await engine.until_asked(4)
        assert servicer.admission.in_flight == 4
        for call in calls:
            call.cancel()
        async with asyncio.timeout(5):
            while engine.cancelled < 4 or servicer.admission.in_flight:
                await asyncio.sleep(0.001)
        await asyncio.gather(*calls, return_exceptions=True)


async def test_a_deadline_cancels_the_engines_work(engine):
    engine.go.clear()
    async with serving(LlmServicer(CONFIG, engine), LlmClient, timeout_s=0.1) as client:
        with pytest.raises(Exception, match="Deadline Exceeded"):
            await client.generate([user("a")])
        async with asyncio.timeout(5):
            while not engine.cancelled:
                await asyncio.sleep(0.001)


async def test_health_asks_the_engine_for_one_token(engine):
    async with serving(LlmServicer(CONFIG, engine), LlmClient) as client:
        await client.ready(5)
    ((_, sampling, thinking),) = engine.asked
    assert (sampling.max_tokens, thinking) == (1, False)


async def test_the_configuration_names_the_engine():
    async with serving(LlmServicer(CONFIG), LlmClient) as client:
        assert (await client.identity()).model == "echo"
