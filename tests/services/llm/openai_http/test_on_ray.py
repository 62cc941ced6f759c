"""The HTTP application as Ray Serve calls it: a Starlette request in, a response out, over bare ASGI."""

import asyncio
import json

import pytest

from earwitness.sampling import Generation
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.servicer import LlmServicer

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "a rose is a rose"}]}


class EndlessEngine(EchoTextEngine):
    """Says one word after the other until nobody listens."""

    async def stream(self, turns, sampling, *, thinking):
        text = ""
        while True:
            text += "word "
            yield "word ", Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=1)
            await asyncio.sleep(0.06)


class Line:
    """One request over ASGI, as a server has it: what was sent back, and a client that can go away."""

    def __init__(self, body, path="/llm/v1/chat/completions", headers=()):
        self.sent = []
        self.gone = asyncio.Event()
        self._body = json.dumps(body).encode()
        self._asked = False
        self.scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "POST", "path": path}
        self.scope |= {"root_path": "/llm", "query_string": b"", "headers": list(headers)}

    async def receive(self):
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def run(self, servicer):
        from starlette.requests import Request

        response = await servicer(Request(self.scope, self.receive, self.send))
        await response(self.scope, self.receive, self.send)


@pytest.fixture
def servicer():
    return LlmServicer(LlmConfig(engine="echo"), EndlessEngine(LlmConfig(engine="echo")))


async def test_the_path_begins_after_the_applications_prefix(servicer):
    line = Line(CHAT)
    await line.run(servicer)
    assert line.sent[0]["status"] == 200
    assert json.loads(line.sent[1]["body"])["choices"][0]["message"]["content"] == "a rose is a rose"


async def test_a_stream_ends_and_frees_its_place_when_the_client_goes_away(servicer):
    line = Line(CHAT | {"stream": True})
    running = asyncio.create_task(line.run(servicer))
    async with asyncio.timeout(5):
        while len(line.sent) < 4:
            await asyncio.sleep(0.01)
        assert servicer.admission.in_flight == 1
        line.gone.set()
        await running
    assert servicer.admission.in_flight == 0


async def test_two_tokens_are_one_too_many(servicer, tmp_path):
    from earwitness.gate import Gate

    (tmp_path / "callers.yaml").write_text(json.dumps({"callers": [{"name": "a", "token": "0123456789abcdef"}]}))
    servicer.gate = Gate(servicer.service, tmp_path / "callers.yaml")
    header = (b"authorization", b"Bearer 0123456789abcdef")
    for headers, status in (([header], 200), ([header, header], 401), ([], 401)):
        line = Line(CHAT, headers=headers)
        await line.run(servicer)
        assert line.sent[0]["status"] == status
