import time

import pytest

from earwitness.conversation import Turn
from earwitness.sampling import Generation, Sampling
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine, open_engine

TURNS = [Turn(role="system", content="ignored"), Turn(role="user", content="a rose is a rose")]


@pytest.fixture
def echo():
    return open_engine(LlmConfig(engine="echo"))


async def test_the_echo_repeats_the_end_of_the_last_turn(echo):
    assert await echo.generate(TURNS, Sampling(max_tokens=2), thinking=False) == Generation(
        text="a rose", finish_reason="stop", prompt_tokens=5, completion_tokens=2
    )
    assert (await echo.generate(TURNS, Sampling(), thinking=True)).text == "a rose is a rose"


async def test_the_echo_streams_what_it_generates(echo):
    whole = await echo.generate(TURNS, Sampling(), thinking=False)
    assert [piece async for piece in echo.stream(TURNS, Sampling(), thinking=False)] == [(whole.text, whole)]


async def test_the_echo_prefers_the_shorter_option(echo):
    assert await echo.score(TURNS, ["a dog", "cat"]) == [(-5.0, 2), (-3.0, 1)]


async def test_the_echo_takes_as_long_as_it_is_told():
    slow = EchoTextEngine(LlmConfig(engine="echo", echo_delay_s=0.05))
    started = time.monotonic()
    await slow.generate(TURNS, Sampling(), thinking=False)
    assert time.monotonic() - started >= 0.05


def test_an_echo_is_never_taken_for_a_model(echo):
    assert echo.identity.model == "echo"
    assert echo.identity.engine.startswith("echo ")
    assert len(echo.identity.fingerprint) == 64
    echo.stop()
