import asyncio
import socket
import time

import pytest

from earwitness import server
from earwitness.clients import BATCH_BYTES, Caption, CaptionerClient, LalmClient, LlmClient, ModelClient, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import EngineFailure, InvalidInput, NotFound, Overloaded, Unavailable
from earwitness.sampling import Generation, Sampling
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from services.lalm.config import LalmConfig
from services.lalm.servicer import LalmServicer
from services.llm.config import LlmConfig
from services.llm.servicer import LlmServicer
from tests import sounds
from tests.serving import FunctionServicer, LengthCaptioner, ReadingListener, identity, said, serving


def user(content):
    return Turn(role="user", content=content)


async def greet(request):
    return said("Hello.")


class Counting(LlmServicer):
    """The echo engine behind a count of its calls."""

    def __init__(self, **config):
        super().__init__(LlmConfig(engine="echo", **config))
        self.calls = []

    async def Generate(self, request, grpc_context):
        self.calls.append(1)
        return await super().Generate(request, grpc_context)

    async def GenerateBatch(self, request, grpc_context):
        self.calls.append(len(request.requests))
        return await super().GenerateBatch(request, grpc_context)


@pytest.fixture
def address():
    """An address at which nothing listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def test_a_language_model_answers_and_scores():
    async with serving(LlmServicer(LlmConfig(engine="echo")), LlmClient) as client:
        answer = await client.generate([user("one two three")], Sampling(max_tokens=2))
        assert answer == Generation(text="two three", finish_reason="stop", prompt_tokens=3, completion_tokens=2)
        assert await client.score([user("Which?")], ["a dog", "cat"]) == [(-5.0, 2), (-3.0, 1)]


async def test_a_captioner_describes():
    clip = sounds.encode(sounds.tone(440, 1.5))
    async with serving(CaptionerServicer(CaptionerConfig(), LengthCaptioner()), CaptionerClient) as client:
        caption = await client.caption(clip, "How long is it?")
    sha256 = caption.audio_sha256
    assert len(sha256) == 64
    assert caption == Caption(
        text="A sound of 1.5 seconds.", transcript="", audio_sha256=sha256, seconds=1.5, long_audio="chunk", num_parts=1
    )


async def test_an_audio_language_model_listens():
    clip = sounds.encode(sounds.tone(440, 0.5))
    silence = sounds.encode(sounds.silence(0.25))
    spoken = SpokenTurn(
        turn=user("<|AUDIO|>, <|AUDIO|> or <|AUDIO|>?"), clips=(clip, silence, clip), transcripts=(None, "", "a dog")
    )
    async with serving(LalmServicer(LalmConfig(checkpoint="x"), ReadingListener()), LalmClient) as client:
        heard = await client.listen([SpokenTurn(turn=Turn(role="system", content="Be brief.")), spoken])
    assert heard.generation.text == "Be brief. / [0.5 s], [] or [a dog]?"
    assert heard.transcripts == ("0.5 s", "", "a dog")


async def test_every_model_says_who_it_is():
    async with serving(FunctionServicer(greet), ModelClient, application="any") as client:
        assert await client.identity() == identity("function")


@pytest.mark.parametrize(
    ("client", "ask"),
    [
        (LlmClient, lambda client: client.generate([user("Hello?")])),
        (LlmClient, lambda client: client.score([user("Hello?")], ["a", "b"])),
        (LlmClient, lambda client: client.identity()),
        (CaptionerClient, lambda client: client.caption(b"RIFF")),
        (LalmClient, lambda client: client.listen([SpokenTurn(turn=user("Hello?"))])),
    ],
)
async def test_a_dead_address_is_named_within_seconds(client, ask, address):
    caller = client.at(address)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=address):
        await ask(caller)
    assert time.monotonic() - started < 3
    await caller.close()


async def test_ready_returns_at_once_from_a_server_that_answers():
    servicer = FunctionServicer(greet)
    async with serving(servicer, LlmClient) as client:
        await asyncio.wait_for(client.ready(60), 5)
        assert servicer.warmed == 1


async def test_ready_waits_for_a_server_that_starts_late(address):
    client = LlmClient.at(address)
    ready = asyncio.create_task(client.ready(30))
    await asyncio.sleep(0.6)
    assert not ready.done()
    running, _ = await server.start(FunctionServicer(greet), port=int(address.rpartition(":")[2]))
    await asyncio.wait_for(ready, 3)
    await client.close()
    await running.stop(None)


async def test_ready_waits_for_a_model_that_fails_at_first():
    failures = [EngineFailure("still loading")] * 2

    async def answer(request):
        if failures:
            raise failures.pop()
        return said("Hello.")

    async with serving(FunctionServicer(answer), LlmClient) as client:
        await asyncio.wait_for(client.ready(30), 5)
    assert not failures


async def test_ready_gives_up_in_time_with_the_last_error(address):
    client = LlmClient.at(address)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=address):
        await client.ready(0.5)
    assert 0.4 < time.monotonic() - started < 2
    await client.close()


async def test_another_kind_of_server_at_the_address_is_not_found():
    async with serving(FunctionServicer(greet), CaptionerClient) as client:
        with pytest.raises(NotFound, match=client.endpoint.address):
            await client.caption(b"RIFF")


async def test_with_batches_calls_of_one_moment_are_one_and_answer_as_before():
    sampling = Sampling(max_tokens=2)
    words = [f"one two {number}" for number in range(70)]
    servicer = Counting(max_in_flight=1000)
    async with serving(servicer, LlmClient) as unary:
        alone = [await unary.generate([user(word)], sampling, thinking=True) for word in words]
    assert servicer.calls == [1] * 70
    servicer = Counting(max_in_flight=1000)
    async with serving(servicer, LlmClient, batch=32) as client:
        together = await asyncio.gather(*[client.generate([user(word)], sampling, thinking=True) for word in words])
        assert together == alone
        assert sorted(servicer.calls) == [6, 32, 32]
        assert await client.generate([user("three")]) == await client.generate([user("three")])
    assert sorted(servicer.calls) == [1, 1, 6, 32, 32]


async def test_in_a_batch_a_bad_call_fails_alone_with_the_error_of_the_unary_call():
    bad = Turn(role="nobody", content="Hello.")
    async with serving(LlmServicer(LlmConfig(engine="echo")), LlmClient) as client:
        with pytest.raises(InvalidInput) as alone:
            await client.generate([bad])
    async with serving(LlmServicer(LlmConfig(engine="echo")), LlmClient, batch=8) as client:
        calls = [client.generate([turn]) for turn in (user("a"), bad, user("b"))]
        first, error, last = await asyncio.gather(*calls, return_exceptions=True)
    assert (first.text, last.text) == ("a", "b")
    assert vars(error) == vars(alone.value)


async def test_a_batch_that_is_refused_is_refused_for_each_of_its_callers():
    servicer = Counting(max_in_flight=8)
    async with serving(servicer, LlmClient, batch=4) as client:
        with servicer.admission.slot(6):
            errors = await asyncio.gather(*[client.generate([user("a")]) for _ in range(4)], return_exceptions=True)
            assert [type(error) for error in errors] == [Overloaded] * 4
        answers = await asyncio.gather(*[client.generate([user("a")]) for _ in range(4)])
        assert [answer.text for answer in answers] == ["a"] * 4


async def test_clips_are_captioned_and_listened_to_in_batches():
    clips = [sounds.encode(sounds.tone(440, seconds)) for seconds in (0.25, 0.5, 0.75)]
    async with serving(CaptionerServicer(CaptionerConfig(), LengthCaptioner()), CaptionerClient, batch=8) as client:
        captions = await asyncio.gather(*[client.caption(clip) for clip in [*clips, b"noise"]], return_exceptions=True)
    assert [caption.text for caption in captions[:3]] == [f"A sound of {s} seconds." for s in (0.25, 0.5, 0.75)]
    assert isinstance(captions[3], InvalidInput)
    spoken = [SpokenTurn(turn=user("What is it?"), clips=(clip,), transcripts=(None,)) for clip in clips]
    async with serving(LalmServicer(LalmConfig(checkpoint="x"), ReadingListener()), LalmClient, batch=8) as client:
        heard = await asyncio.gather(*[client.listen([turn]) for turn in spoken])
    assert [each.transcripts for each in heard] == [("0.25 s",), ("0.5 s",), ("0.75 s",)]


async def test_batches_of_clips_stay_far_below_the_limit_on_a_message():
    sizes = []

    class Weighing(CaptionerServicer):
        async def CaptionBatch(self, request, grpc_context):
            sizes.append(request.ByteSize())
            return await super().CaptionBatch(request, grpc_context)

        async def Caption(self, request, grpc_context):
            sizes.append(request.ByteSize())
            return await super().Caption(request, grpc_context)

    clip = sounds.encode(sounds.noise(20, seed=1))
    servicer = Weighing(CaptionerConfig(max_in_flight=100), LengthCaptioner())
    async with serving(servicer, CaptionerClient, batch=64) as client:
        captions = await asyncio.gather(*[client.caption(clip) for _ in range(20)])
    assert {caption.text for caption in captions} == {"A sound of 20 seconds."}
    assert sum(sizes) > 2 * BATCH_BYTES
    assert max(sizes) < 1.01 * BATCH_BYTES


async def test_no_more_is_sent_at_once_than_the_service_takes():
    servicer = Counting(max_in_flight=1000)
    async with serving(servicer, LlmClient, batch=10_000) as client:
        await asyncio.gather(*[client.generate([user("a")]) for _ in range(300)])
    assert sorted(servicer.calls) == [44, 256]
