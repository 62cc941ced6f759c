import asyncio
import base64
import logging
import socket
import threading
import time

import pytest

from earwitness import audio
from earwitness.clients import Caption, Heard, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import (
    DeadlineExceeded,
    EarwitnessError,
    EngineFailure,
    InvalidInput,
    NotFound,
    NotReady,
    Overloaded,
    Unavailable,
)
from earwitness.openai import Endpoint, OpenAiClient, request
from earwitness.sampling import Extras, Generation, Sampling, Token
from tests import sounds
from tests.earwitness.openai.vendor import KEY, KEY_ENV, said

ASKED = [Turn(role="user", content="Which?")]
THUNDER = Generation(text="(B) Thunder", finish_reason="stop", prompt_tokens=60, completion_tokens=5)
CLIP = audio.encode_flac(audio.from_samples(sounds.tone(440, 0.5)))
HEARD = [SpokenTurn(turn=Turn(role="user", content="<|AUDIO|>\nWhat?"), clips=(CLIP,))]


def likely(**logprobs):
    body = said()
    listed = [{"token": token, "logprob": value} for token, value in logprobs.items()]
    body["choices"][0]["logprobs"] = {"content": [listed[0] | {"top_logprobs": listed}]}
    return body


async def test_a_conversation_is_posted_as_chat_completions(vendor):
    async with vendor.client() as client:
        assert await client.generate(ASKED, Sampling(max_tokens=32)) == THUNDER
    ((method, path, headers),) = vendor.requests
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert vendor.bodies == [
        {
            "model": "model-1",
            "messages": [{"role": "user", "content": "Which?"}],
            "max_tokens": 32,
            "temperature": 0.0,
            "seed": 0,
        }
    ]


async def test_a_server_without_keys_is_sent_none(vendor):
    async with vendor.client(key_env="") as client:
        await client.generate(ASKED)
    assert "authorization" not in vendor.requests[0][2]


async def test_calls_know_nothing_of_each_other(vendor):
    vendor.headers = {"Set-Cookie": "session=1"}
    async with vendor.client(base_url=f"{vendor.url.replace('127.0.0.1', 'localhost')}/v1") as client:
        await client.generate(ASKED)
        await client.generate(ASKED)
    assert "cookie" not in vendor.requests[1][2]


async def test_letters_are_scored(vendor):
    vendor.body = likely(B=-0.5, A=-1.5)
    async with vendor.client(top_logprobs=20) as client:
        assert await client.score(ASKED, ["(A)", "(B)"]) == [(-1.5, 1), (-0.5, 1)]
    assert vendor.bodies[0]["top_logprobs"] == 20


async def test_the_tokens_of_an_answer_come_with_their_log_probabilities(vendor):
    vendor.body = likely(B=-0.5, A=-1.5)
    async with vendor.client(top_logprobs=20) as client:
        answer = await client.generate(ASKED, extras=Extras(top_logprobs=2))
        assert answer.tokens == (Token(text="B", logprob=-0.5, top=(("B", -0.5), ("A", -1.5))),)
        assert (await client.generate(ASKED)).tokens == ()
        vendor.body = said("Thunder")
        with pytest.raises(InvalidInput, match="sent no log-probabilities"):
            await client.generate(ASKED, extras=Extras(top_logprobs=2))


async def test_a_client_that_is_stopped_has_no_connection_left(vendor):
    client = OpenAiClient(vendor.endpoint())
    await client.generate(ASKED)
    client.stop()
    async with asyncio.timeout(5):
        while not all(connection.is_closing() for connection in vendor.connections):
            await asyncio.sleep(0.001)
    with pytest.raises(NotReady):
        await client.generate(ASKED)


async def test_clips_are_heard(vendor):
    async with vendor.client(audio=True) as client:
        assert await client.listen(HEARD) == Heard(generation=THUNDER, transcripts=())
    part, text = vendor.bodies[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "\nWhat?"}
    assert base64.b64decode(part["input_audio"]["data"], validate=True).startswith(b"RIFF")


async def test_a_clip_is_described(vendor):
    vendor.body = said("A tone.")
    async with vendor.client(audio=True) as client:
        caption = await client.caption(CLIP)
    assert caption == Caption(text="A tone.", transcript="", audio_sha256=audio.decode(CLIP).sha256, seconds=0.5)
    assert len(vendor.bodies[0]["messages"][0]["content"]) == 1


async def test_clips_are_decoded_beside_the_event_loop(vendor, monkeypatch):
    threads = []
    decode = audio.decode
    monkeypatch.setattr(audio, "decode", lambda *a, **k: threads.append(threading.current_thread()) or decode(*a, **k))
    async with vendor.client(audio=True) as client:
        await client.listen(HEARD)
        await client.caption(CLIP)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_a_long_clip_arrives_whole(vendor):
    clip = audio.encode_flac(audio.from_samples(sounds.noise(60.0)))
    async with vendor.client(audio=True) as client:
        await client.caption(clip)
    sent = vendor.bodies[0]["messages"][0]["content"][0]["input_audio"]["data"]
    assert audio.decode(base64.b64decode(sent)).sha256 == audio.decode(clip).sha256


async def test_calls_share_connections(vendor):
    vendor.delay_s = 0.01
    async with vendor.client() as client:
        for _ in range(3):
            await asyncio.gather(*(client.generate(ASKED) for _ in range(40)))
    assert len(vendor.bodies) == 120
    assert len(vendor.connections) == 40


async def test_the_identity_is_that_of_the_catalogue(vendor):
    async with vendor.client(context_tokens=99) as client:
        identity = await client.identity()
    assert identity == vendor.endpoint(context_tokens=99).identity()
    assert vendor.requests == []


async def test_a_client_is_made_of_a_target(vendor, tmp_path):
    file = tmp_path / "endpoints.yaml"
    file.write_text(f"mine: {{base_url: {vendor.url}/v1, model: m, key_env: {KEY_ENV}}}")
    client = OpenAiClient.at("openai:mine", file)
    assert await client.generate(ASKED) == THUNDER
    await client.close()


@pytest.mark.parametrize(
    ("status", "cls"),
    [(400, InvalidInput), (401, NotReady), (404, NotFound), (429, Overloaded), (500, Unavailable), (301, NotReady)],
)
async def test_a_failure_is_the_error_that_it_means(status, cls, vendor):
    vendor.status, vendor.body = status, {"error": {"message": "The words."}}
    async with vendor.client() as client:
        with pytest.raises(cls, match=r"openai:vendor: HTTP .*The words"):
            await client.generate(ASKED)


async def test_the_header_s_wait_is_read_whatever_its_case(vendor):
    vendor.status, vendor.headers = 429, {"Retry-After": "7"}
    async with vendor.client() as client:
        with pytest.raises(Overloaded) as caught:
            await client.generate(ASKED)
    assert caught.value.retry_after_s == 7


async def test_a_redirect_is_not_followed(vendor):
    vendor.status, vendor.headers = 307, {"Location": f"{vendor.url}/elsewhere"}
    async with vendor.client() as client:
        with pytest.raises(NotReady, match="base_url"):
            await client.generate(ASKED)
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [("<html>", "<html>"), ({"error": {"message": "No such route."}}, "`choices`.*No such route"), ({}, "`choices`$")],
)
async def test_a_200_that_is_no_completion_is_an_engine_failure(body, told, vendor):
    vendor.body = body
    async with vendor.client() as client:
        with pytest.raises(EngineFailure, match=told):
            await client.generate(ASKED)


async def test_reasoning_up_to_the_limit_is_a_truncated_answer(vendor):
    vendor.status = 400
    vendor.body = {
        "error": {"message": "Could not finish the message because max_tokens or model output limit was reached."}
    }
    async with vendor.client() as client:
        answer = await client.generate(ASKED)
    assert (answer.text, answer.finish_reason) == ("", "length")


async def test_an_answer_too_late_is_a_deadline_exceeded(vendor):
    vendor.delay_s = 5
    async with vendor.client(timeout_s=0.1) as client:
        with pytest.raises(DeadlineExceeded, match=r"openai:vendor: no answer within 0\.1 s"):
            await client.generate(ASKED)


async def test_a_dead_address_is_unavailable_and_named():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    client = OpenAiClient(Endpoint(name="mine", base_url=f"http://127.0.0.1:{port}/v1", model="m"))
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port}/v1"):
        await client.generate(ASKED)
    await client.close()


async def test_a_connection_that_breaks_is_unavailable():
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = OpenAiClient(Endpoint(name="mine", base_url=f"http://127.0.0.1:{port}/v1", model="m"))
        with pytest.raises(Unavailable):
            await client.generate(ASKED)
        await client.close()


async def test_a_closed_client_answers_no_more(vendor):
    async with vendor.client() as client:
        await client.generate(ASKED)
    with pytest.raises(NotReady, match="closed"):
        await client.generate(ASKED)


async def test_a_call_may_be_cancelled(vendor):
    vendor.delay_s = 5
    async with vendor.client() as client:
        call = asyncio.create_task(client.generate(ASKED))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        vendor.delay_s = 0
        assert await client.generate(ASKED) == THUNDER


async def test_ready_returns_once_the_model_has_answered(vendor):
    async with vendor.client() as client:
        await asyncio.wait_for(client.ready(60), 5)
    assert len(vendor.bodies) == 1


async def test_ready_waits_for_a_server_that_fails_at_first(vendor):
    vendor.status, vendor.body = 503, "loading"
    async with vendor.client() as client:
        waiting = asyncio.create_task(client.ready(30))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        vendor.status, vendor.body = 200, said()
        await asyncio.wait_for(waiting, 5)


async def test_ready_gives_up_in_time_with_the_last_error(vendor):
    vendor.status = 503
    started = time.monotonic()
    async with vendor.client() as client:
        with pytest.raises(Unavailable):
            await client.ready(1.5)
    assert time.monotonic() - started < 3


async def test_ready_does_not_outwait_a_server_that_hangs(vendor):
    vendor.delay_s = 5
    async with vendor.client() as client:
        with pytest.raises(DeadlineExceeded):
            await client.ready(0.3)


async def test_ready_does_not_wait_for_another_key(vendor):
    vendor.status = 401
    started = time.monotonic()
    async with vendor.client() as client:
        with pytest.raises(NotReady, match=KEY_ENV):
            await client.ready(30)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
@pytest.mark.parametrize("ask", ["listen", "caption"])
async def test_neither_key_nor_clip_is_in_any_log_or_error(ask, status, vendor, caplog):
    """The server repeats the header and the body that it was sent, as some do."""
    sent = base64.b64encode(request.captioning(vendor.endpoint(audio=True), CLIP, "")[0]).decode()
    body, _, _ = request.captioning(vendor.endpoint(audio=True), CLIP, "")
    vendor.status = status
    vendor.body = {"error": {"message": f"Bearer {KEY} is wrong: {KEY} with {body.decode()} {sent}"}}
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    async with vendor.client(audio=True) as client:
        with pytest.raises(EarwitnessError) as caught:
            await (client.listen(HEARD) if ask == "listen" else client.caption(CLIP))
        shown = f"{caught.value} {caught.value!r} {client!r} {vars(client)!r} {client.endpoint!r} {caplog.text}"
    assert KEY not in shown
    assert "UklGR" not in shown  # base64 of RIFF
    assert caught.value.__cause__ is None


async def test_the_environment_s_proxy_is_used(vendor, monkeypatch):
    monkeypatch.setenv("http_proxy", vendor.url)
    monkeypatch.setenv("no_proxy", "")
    client = OpenAiClient(Endpoint(name="far", base_url="http://far.example/v1", model="m", key_env=KEY_ENV))
    assert await client.generate(ASKED) == THUNDER
    assert vendor.requests[0][2]["host"] == "far.example"
    await client.close()


async def test_no_proxy_is_heeded(vendor, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with vendor.client() as client:
        assert await client.generate(ASKED) == THUNDER
