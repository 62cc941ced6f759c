"""Real servers in process, with engines that count what they are asked."""

import hashlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from earwitness import server
from earwitness.audio import Clip
from earwitness.clients import CaptionerClient, LalmClient, LlmClient, ModelClient
from earwitness.errors import EngineFailure
from earwitness.identity import Identity
from earwitness.sampling import Generation
from earwitness.servicer import ModelServicer
from services.captioner.config import CaptionerConfig
from services.captioner.engine import Caption
from services.captioner.servicer import CaptionerServicer
from services.evaluator.items import Benchmark, Item
from services.evaluator.ledger import Ledger
from services.lalm.config import LalmConfig
from services.lalm.servicer import LalmServicer
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.servicer import LlmServicer
from tests import sounds


def identity(name: str) -> Identity:
    """Of an engine that is known by its name alone."""
    fingerprint, weights = (hashlib.sha256(f"{name} {part}".encode()).hexdigest() for part in ("all", "weights"))
    return Identity(model=name, fingerprint=fingerprint, weights=weights, engine="echo 1", dtype="", context_tokens=0)


class Backbone(EchoTextEngine):
    """The echo engine, which remembers what it was asked and can fail its first `failures` calls."""

    def __init__(self, name: str = "echo", delay_s: float = 0.0, failures: int = 0) -> None:
        super().__init__(LlmConfig(engine="echo", echo_delay_s=delay_s))
        self.identity = identity(name)
        self.failures = failures
        self.asked: list[str] = []
        self.answering = self.most_at_once = 0

    async def generate(self, turns, sampling, *, thinking) -> Generation:
        self.answering += 1
        self.most_at_once = max(self.most_at_once, self.answering)
        try:
            return await self._generate(turns, sampling, thinking)
        finally:
            self.answering -= 1

    async def _generate(self, turns, sampling, thinking) -> Generation:
        if turns[-1].content != "Hello":  # the first health check's
            self.asked.append(turns[-1].content)
            if self.failures:
                self.failures -= 1
                raise EngineFailure("out of order")
        return await super().generate(turns, sampling, thinking=thinking)


class Describer:
    """Captions a clip with its length."""

    def __init__(self, name: str = "describer", failures: int = 0) -> None:
        self.identity = identity(name)
        self.failures = failures
        self.heard: list[str] = []

    def caption(self, clips: Sequence[Clip]) -> list[Caption]:
        if self.failures:
            self.failures -= 1
            raise EngineFailure("out of order")
        self.heard += [clip.sha256 for clip in clips if clip.seconds > 0.1]  # the first health check's is 0.1 s
        return [Caption(text=f"A sound of {clip.seconds:.2f} s.", transcript="") for clip in clips]


class Listener:
    """Answers with the length of the clips and the end of the question."""

    def __init__(self) -> None:
        self.identity = identity("listener")
        self.heard: list[str] = []

    async def listen(self, messages, clips, sampling, *, thinking) -> tuple[Generation, list[str]]:
        self.heard += [each.clip.sha256 for each in clips if each.clip.seconds > 0.1]
        length = " ".join(f"{each.clip.seconds:.2f}" for each in clips)
        text = f"{length} {messages[-1].content.split()[-1]}"
        return Generation(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=2), ["" for _ in clips]

    def stop(self) -> None:
        pass


@dataclass
class House:
    """Serves engines on ports of their own, and opens clients of them."""

    stack: AsyncExitStack

    async def serve(self, engine: Backbone | Describer | Listener, **limits: int) -> str:
        """Returns the address."""
        servicer: ModelServicer
        if isinstance(engine, Backbone):
            servicer = LlmServicer(LlmConfig(engine="echo", **limits), engine)
        elif isinstance(engine, Describer):
            servicer = CaptionerServicer(CaptionerConfig(), engine)
        else:
            servicer = LalmServicer(LalmConfig(checkpoint=Path("unused")), engine)
        started, port = await server.start(servicer)
        self.stack.push_async_callback(started.stop, None)
        return f"127.0.0.1:{port}"

    async def client(self, engine: Backbone | Describer | Listener, **limits: int) -> ModelClient:
        """Serves the engine and returns a client of it."""
        kinds = {Backbone: LlmClient, Describer: CaptionerClient, Listener: LalmClient}
        kind = next(client for served, client in kinds.items() if isinstance(engine, served))
        client = kind.at(await self.serve(engine, **limits), num_channels=1, timeout_s=20)
        self.stack.push_async_callback(client.close)
        return client


@pytest.fixture
async def house():
    async with AsyncExitStack() as stack:
        yield House(stack)


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger.at(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def clips(tmp_path):
    """Four items about three clips; the last two share one, in two formats."""
    files = [("a.wav", 1.0, "WAV"), ("b.wav", 1.5, "WAV"), ("c.wav", 2.0, "WAV"), ("c.flac", 2.0, "FLAC")]
    for name, seconds, kind in files:
        (tmp_path / name).write_bytes(sounds.encode(sounds.tone(440, seconds), format=kind))
    items = [replace(item(name), audio=tmp_path / name) for name, _, _ in files]
    return benchmark(items)


def item(name: str, question: str = "") -> Item:
    return Item(id=name, question=question or f"What sounds like {name}?", choices=("A dog", "A bell"), answer="A bell")


def benchmark(items: Sequence[Item]) -> Benchmark:
    has_audio = any(item.audio for item in items)
    return Benchmark(name="test", version="1", sha256="0" * 64, items=tuple(items), breakdowns=(), has_audio=has_audio)
