import asyncio
import sys

import pytest

from earwitness import eventloop


async def where() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_a_coroutine_runs_to_its_end_on_uvloop_and_without_it(monkeypatch):
    assert eventloop.run(where()).startswith("uvloop")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert eventloop.run(where()).startswith("asyncio")


def test_what_a_coroutine_raises_is_raised():
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        eventloop.run(fail())
