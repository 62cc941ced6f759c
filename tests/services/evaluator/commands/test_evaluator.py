import argparse
import asyncio
import json

import pytest

from earwitness.errors import EngineFailure, InvalidInput, NotFound
from services.evaluator import service
from services.evaluator.commands import evaluator
from tests.services.evaluator.conftest import Backbone
from tests.services.evaluator.evaluating import evaluating, questions


@pytest.fixture
async def command(house, tmp_path, capsys):
    """Runs `earwitness evaluator ...` against a server; returns the lines that it prints."""
    questions(tmp_path, 20)
    async with evaluating(tmp_path, llm=await house.serve(Backbone(delay_s=0.05)), at_once=1) as (client, _):

        async def call(*words: str) -> list[str]:
            parser = argparse.ArgumentParser()
            evaluator.register(parser.add_subparsers())
            options = parser.parse_args(["evaluator", *words, "--address", client.address])
            await asyncio.to_thread(options.execute, options)
            return capsys.readouterr().out.splitlines()

        yield call


CREATE = ("create", "akb", "text", "--data", "questions.jsonl", "--in-flight", "2")


async def test_a_run_is_created_watched_and_shown(command):
    (line,) = await command(*CREATE, "--id", "mine", "--temperature", "0.7", "--json")
    assert json.loads(line)["spec"]["sampling"]["temperature"] == 0.7
    *_, last = await command("watch", "mine")
    assert last.startswith("mine  done  20/20  ")
    assert "% correct" in last
    assert await command("get", "mine") == [last]


async def test_runs_are_listed_and_cancelled(command):
    for number in range(3):
        await command(*CREATE, "--id", f"run-{number}", "--sample", str(number))
    assert (await command("cancel", "run-2")) == ["run-2  cancelled"]
    assert [line.split()[0] for line in await command("list")] == ["run-2", "run-1", "run-0"]
    assert [line.split()[0] for line in await command("list", "--limit", "2")] == ["run-2", "run-1"]
    assert await command("list", "--state", "cancelled") == ["run-2  cancelled"]


async def test_watching_a_run_that_fails_is_an_error(command, monkeypatch):
    monkeypatch.setattr(service, "READY_WITHIN_S", 0.1)
    await command(*CREATE, "--id", "mine", "--llm", "127.0.0.1:1")
    with pytest.raises(EngineFailure, match=r"mine: 127\.0\.0\.1:1"):
        await command("watch", "mine")


async def test_what_the_server_refuses_is_an_error_of_ours(command):
    with pytest.raises(NotFound, match="mini-akb"):
        await command("create", "akbb", "text")
    with pytest.raises(InvalidInput, match="cannot be sent"):
        await command(*CREATE, "--rotation", "-1")
