import asyncio
import time

import grpc
import pytest

from earwitness import server
from earwitness.access import Access, Bearer
from earwitness.channel import Endpoint
from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.errors import DeadlineExceeded, InvalidInput, NotFound, Overloaded, Unauthenticated, Unavailable
from earwitness.fanout import Retries
from earwitness.v1 import llm_pb2
from tests.serving import FunctionServicer, said

TURNS = [Turn(role="user", content="Hello")]
TOKEN = "s3cret-0123456789abcdef"
QUICK = Retries(attempts=9, first_wait_s=0.01, longest_wait_s=0.02)


async def sent(port, **options):
    """Returns the authorization header that a client with these options sends."""
    client = LlmClient.at(f"127.0.0.1:{port}", num_channels=1, timeout_s=5, **options)
    try:
        return (await client.generate(TURNS)).text
    finally:
        await client.close()


@pytest.fixture
async def port():
    class Telling(FunctionServicer):
        async def Generate(self, request, context):
            return said(dict(context.invocation_metadata()).get("authorization", ""))

    running, port = await server.start(Telling(None))
    yield port
    await running.stop(None)


async def test_a_token_goes_with_every_call_and_from_the_environment_too(port, tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert await sent(port) == ""
    assert await sent(port, access=Access(token=TOKEN)) == f"Bearer {TOKEN}"
    assert await sent(port, access=Access(token_file=file, token="x" * 20)) == f"Bearer {TOKEN}"
    monkeypatch.setenv("EARWITNESS_TOKEN", TOKEN)
    assert await sent(port) == f"Bearer {TOKEN}"
    monkeypatch.setenv("EARWITNESS_TOKEN_FILE", str(file))
    file.write_text(TOKEN[::-1])
    assert await sent(port) == f"Bearer {TOKEN[::-1]}"
    assert await sent(port, access=Access()) == ""


async def test_a_renewed_token_is_sent_without_a_new_connection(port, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    access = Access(token_file=file)
    async with Endpoint(f"127.0.0.1:{port}", "llm", access=access) as endpoint:
        endpoint._bearer = Bearer(access, every_s=0)
        for token in (TOKEN, TOKEN[::-1]):
            file.write_text(token)
            assert list(endpoint.metadata()) == [("application", "llm"), ("authorization", f"Bearer {token}")]
            assert (await LlmClient(endpoint, timeout_s=5).generate(TURNS)).text == f"Bearer {token}"


@pytest.mark.parametrize(
    "text", ["", "short", f"{TOKEN} {TOKEN}", f"{TOKEN}\n{TOKEN}", "x" * 513, f"é{TOKEN}", "\0" * 20]
)
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path, text):
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        Access(token_file=file).bearer()
    assert TOKEN not in str(caught.value)
    with pytest.raises(NotFound):
        Access(token_file=tmp_path / "none").bearer()


def test_a_token_stands_in_no_repr():
    assert TOKEN not in repr(Access(token=TOKEN))


def test_the_environment_says_how_to_get_in(monkeypatch, tmp_path):
    assert Access.from_environment() == Access()
    for name, value in {
        "TLS": "1",
        "TLS_CA": "ca.pem",
        "TLS_CERT": "c",
        "TLS_KEY": "k",
        "TLS_SERVER_NAME": "llm",
    }.items():
        monkeypatch.setenv(f"EARWITNESS_{name}", value)
    access = Access.from_environment()
    assert (access.tls, str(access.ca), str(access.cert), str(access.key), access.server_name) == (
        True, "ca.pem", "c", "k", "llm",
    )  # fmt: skip
    assert Access().credentials() is None
    assert isinstance(Access(tls=True).credentials(), grpc.ChannelCredentials)


async def flaky(failures):
    """Serves what raises these first; returns server, address and the count of calls."""
    calls = []

    async def answer(request):
        calls.append(1)
        if failures:
            raise failures.pop(0)
        return said("at last")

    running, port = await server.start(FunctionServicer(answer))
    return running, f"127.0.0.1:{port}", calls


@pytest.mark.parametrize("batch", [0, 4])
async def test_with_retries_a_call_is_tried_until_it_succeeds(batch):
    running, address, calls = await flaky([Overloaded("full", retry_after_s=0.01), Unavailable("gone")])
    client = LlmClient.at(address, num_channels=1, timeout_s=5, retries=QUICK, batch=batch)
    assert (await client.generate(TURNS)).text == "at last"
    assert len(calls) == 3
    await client.close()
    await running.stop(None)


async def test_without_retries_the_first_error_stands_and_some_are_never_tried_again():
    running, address, calls = await flaky([Unavailable("gone"), InvalidInput("never"), Unauthenticated("who?")])
    plain, stubborn = LlmClient.at(address, num_channels=1), LlmClient.at(address, num_channels=1, retries=QUICK)
    for client, error in ((plain, Unavailable), (stubborn, InvalidInput), (stubborn, Unauthenticated)):
        with pytest.raises(error):
            await client.generate(TURNS)
    assert len(calls) == 3
    await plain.close()
    await stubborn.close()
    await running.stop(None)


async def test_the_deadline_of_a_call_is_that_of_all_its_attempts():
    running, address, calls = await flaky([Overloaded("full", retry_after_s=0.1) for _ in range(1000)])
    client = LlmClient.at(address, num_channels=1, retries=Retries(attempts=1000, first_wait_s=0.01)).within(0.5)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"0\.5 s and \d attempts"):
        await client.generate(TURNS)
    assert 0.4 < time.monotonic() - started < 2
    assert 2 < len(calls) < 7
    await client.close()
    await running.stop(None)


async def test_a_client_with_another_deadline_shares_the_connections():
    async def stall(request: llm_pb2.GenerateRequest):
        await asyncio.sleep(0.3)
        return said("done")

    running, port = await server.start(FunctionServicer(stall))
    client = LlmClient.at(f"127.0.0.1:{port}", num_channels=1)
    with pytest.raises(DeadlineExceeded):
        await client.within(0.05).generate(TURNS)
    assert (await client.generate(TURNS)).text == "done"
    assert client.within(1).endpoint is client.endpoint
    await client.close()
    await running.stop(None)


async def test_readiness_is_not_waited_for_without_the_token(tmp_path, monkeypatch):
    (tmp_path / "callers.yaml").write_text(f"callers: [{{name: one, token: {TOKEN}}}]")
    monkeypatch.setenv("EARWITNESS_CALLERS", str(tmp_path / "callers.yaml"))
    running, address, _ = await flaky([])
    client = LlmClient.at(address, num_channels=1)
    started = time.monotonic()
    with pytest.raises(Unauthenticated):
        await client.ready(within_s=20)
    assert time.monotonic() - started < 5
    await client.close()
    await running.stop(None)
