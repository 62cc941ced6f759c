import asyncio
import socket
import time

import pytest

from earwitness import server
from earwitness.clients import Caption, CaptionerClient, LalmClient, LlmClient, ModelClient, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import EngineFailure, NotFound, Unavailable
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
    assert caption == Caption(text="A sound of 1.5 seconds.", transcript="", audio_sha256=sha256, seconds=1.5)


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
