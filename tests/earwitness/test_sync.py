import asyncio
import inspect
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from earwitness import clients, server, sync
from earwitness.conversation import Turn
from earwitness.errors import DeadlineExceeded, InvalidInput, NotReady
from tests.serving import FunctionServicer, identity, said

TURNS = [Turn(role="user", content="Hello")]


async def answer(request):
    words = request.messages[0].content if request.messages else ""
    if words == "fail":
        raise InvalidInput("is bad", "messages")
    if words == "stall":
        await asyncio.Event().wait()
    return said(f"You said {words}.")


@pytest.fixture
def address():
    """A server on a loop and in a thread of its own, as another process would have it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start():
        return await server.start(FunctionServicer(answer))

    running, port = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield f"127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(running.stop(None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_call_blocks_and_returns_the_answer_or_raises_the_error(address):
    with sync.LlmClient(address, timeout_s=10) as client:
        client.ready(5)
        assert client.identity() == identity("function")
        assert client.generate(TURNS).text == "You said Hello."
        with pytest.raises(InvalidInput, match="messages: is bad"):
            client.generate([Turn(role="user", content="fail")])
        with pytest.raises(DeadlineExceeded):
            client.within(0.1).generate([Turn(role="user", content="stall")])
    with pytest.raises(NotReady):
        client.generate(TURNS)


def test_a_stream_is_a_generator_and_leaving_it_ends_the_call(address):
    with sync.LlmClient(address, timeout_s=10) as client:
        pieces = client.stream(TURNS)
        assert [next(pieces), next(pieces)] == [("You said Hello.", None)] * 2
        pieces.close()
        with pytest.raises(InvalidInput, match="messages: is bad"):
            next(client.stream([Turn(role="user", content="fail")]))
        with pytest.raises(DeadlineExceeded):
            next(client.within(0.1).stream([Turn(role="user", content="stall")]))


def test_many_conversations_go_as_one_batch(address):
    with sync.LlmClient(address, batch=4) as client:
        turns = [[Turn(role="user", content=content)] for content in ("a", "fail", "b", "c", "d")]
        answers = client.generate_batch(turns)
    assert [getattr(answer, "text", answer) for answer in answers[:1] + answers[2:]] == [
        f"You said {content}." for content in "abcd"
    ]
    assert isinstance(answers[1], InvalidInput)


def test_one_client_serves_many_threads(address):
    with sync.LlmClient(address) as client, ThreadPoolExecutor(16) as threads:
        turns = [[Turn(role="user", content=str(number))] for number in range(100)]
        answers = list(threads.map(lambda each: client.generate(each).text, turns))
    assert answers == [f"You said {number}." for number in range(100)]


async def test_it_works_beside_a_running_loop(address):
    with await asyncio.to_thread(sync.LlmClient, address) as client:
        assert (await asyncio.to_thread(client.generate, TURNS)).text == "You said Hello."


@pytest.mark.parametrize("kind", [sync.CaptionerClient, sync.LlmClient, sync.LalmClient])
def test_every_method_of_a_client_has_its_blocking_twin(kind):
    methods = [
        name
        for name, method in inspect.getmembers(kind.kind)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        if not name.startswith("_")
    ]
    assert {"ready", "identity", "close"} < set(methods)
    assert [name for name in methods if not hasattr(kind, name)] == []


def test_a_program_that_forgets_to_close_ends_all_the_same(address):
    code = (
        "import sys; from earwitness.sync import LlmClient; from earwitness.conversation import Turn;"
        "print(LlmClient(sys.argv[1]).generate([Turn(role='user', content='Hello')]).text)"
    )
    run = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (0, "You said Hello.\n"), run.stderr


def test_the_types_are_those_of_the_asynchronous_clients():
    assert inspect.signature(sync.LlmClient.generate) == inspect.signature(clients.LlmClient.generate)
