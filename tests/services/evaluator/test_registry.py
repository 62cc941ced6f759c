"""An evaluator that is told to end, is killed, or is not alone: the runs come to the same end."""

import asyncio
import os
import signal
import sqlite3
from contextlib import AsyncExitStack, closing

import pytest

from earwitness.errors import Unavailable
from earwitness.evaluator_client import EvaluatorClient
from earwitness.runs import RunState
from services.evaluator.ledger import Ledger
from services.evaluator.server import serving
from tests.services.evaluator.conftest import Backbone
from tests.services.evaluator.evaluating import config, ended, evaluating, process, questions, spec
from tools import postgres

COUNT = 60
STEADY = spec(in_flight=2)


class Stuck(Backbone):
    """Answers a health check and nothing else."""

    async def _generate(self, turns, sampling, thinking):
        generation = await super()._generate(turns, sampling, thinking)
        if self.asked:
            await asyncio.sleep(30)
        return generation


async def asked(backbone: Backbone) -> None:
    async with asyncio.timeout(10):
        while not backbone.asked:
            await asyncio.sleep(0.02)


async def answered(client: EvaluatorClient, id: str, count: int) -> None:
    async with asyncio.timeout(30):
        while (await client.get(id)).progress.done < count:
            await asyncio.sleep(0.02)


def results(root, id: str) -> dict[str, bytes]:
    folder = root / "out" / "runs" / id
    (answers,) = (folder / "answers").iterdir()
    return {"results": (folder / "results.json").read_bytes(), answers.name: answers.read_bytes()}


@pytest.fixture
async def undisturbed(house, tmp_path):
    """The results of a run that nothing happened to."""
    root = tmp_path / "undisturbed"
    root.mkdir()
    questions(root, COUNT)
    async with evaluating(root, llm=await house.serve(Backbone())) as (client, _):
        await ended(client, (await client.create(STEADY, "run")).id)
    return results(root, "run")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_run_goes_on_where_a_signal_ended_the_evaluator(house, tmp_path, undisturbed, number):
    backbone = Backbone(delay_s=0.05)
    address = await house.serve(backbone)
    questions(tmp_path, COUNT)
    with process(tmp_path, f"llm={address}") as (evaluator, at):
        async with EvaluatorClient(at) as client:
            run = await client.create(STEADY, "run")
            await client.create(spec(sample=1, in_flight=2), "next")
            await answered(client, run.id, 6)
            evaluator.send_signal(number)
            status = await asyncio.to_thread(evaluator.wait, 20)
    assert status == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    asked = len(backbone.asked)
    assert 6 <= asked < 2 * COUNT
    with process(tmp_path, f"llm={address}") as (evaluator, at):
        async with EvaluatorClient(at) as client:
            for name in ("run", "next"):
                assert (await ended(client, name)).state == RunState.DONE
            evaluator.terminate()
            assert await asyncio.to_thread(evaluator.wait, 20) == 0
    again = len(backbone.asked) - 2 * COUNT
    assert again <= (4 if number == signal.SIGKILL else 0)
    assert results(tmp_path, "run") == undisturbed


async def test_a_drained_evaluator_says_so_and_leaves_its_runs_to_the_next(house, tmp_path):
    questions(tmp_path, COUNT)
    address = await house.serve(Backbone(delay_s=0.05))
    async with AsyncExitStack() as stack:
        client, _ = await stack.enter_async_context(evaluating(tmp_path, llm=address))
        run = await client.create(STEADY)
        onlooker = EvaluatorClient(client.address)
        watcher = onlooker.watch(run.id)
        seen = [await anext(watcher)]
        await answered(client, run.id, 4)
        watching = asyncio.create_task(_rest(watcher))
        await asyncio.sleep(0.05)
        await stack.aclose()
        seen += await watching
        await onlooker.close()
    assert seen[-1].state == RunState.INTERRUPTED
    assert 4 <= seen[-1].progress.done < COUNT
    async with evaluating(tmp_path, llm=address) as (client, _):
        done = await ended(client, run.id)
    assert (done.state, done.progress.done) == (RunState.DONE, COUNT)
    assert done.progress.reused >= 4


async def _rest(watcher):
    return [status async for status in watcher]


async def test_what_takes_longer_than_the_grace_is_not_waited_for(house, tmp_path):
    questions(tmp_path, 3)
    backbone = Stuck()
    async with asyncio.timeout(15):
        async with evaluating(tmp_path, llm=await house.serve(backbone), grace_s=0.2) as (client, _):
            run = await client.create(spec())
            await asked(backbone)
    with closing(Ledger.at(tmp_path / "out" / "ledger.sqlite")) as ledger:
        assert ledger.runs.find(run.id).state == RunState.INTERRUPTED


async def test_a_cancelled_run_keeps_no_claim_on_what_it_asked(house, tmp_path):
    questions(tmp_path, 3)
    backbone = Stuck()
    async with evaluating(tmp_path, llm=await house.serve(backbone), grace_s=0.2) as (client, _):
        run = await client.create(spec())
        await asked(backbone)
        await client.cancel(run.id)
        assert (await ended(client, run.id)).state == RunState.CANCELLED
        with closing(sqlite3.connect(tmp_path / "out" / "ledger.sqlite")) as file:
            assert file.execute("SELECT key FROM claims").fetchall() == []


async def test_an_evaluator_that_is_about_to_end_takes_nothing(house, tmp_path):
    questions(tmp_path, COUNT)
    backbone = Stuck()
    settings = config(tmp_path, llm=await house.serve(backbone), grace_s=1.0)
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(serving(settings))
        async with EvaluatorClient(f"127.0.0.1:{ports.grpc}") as client, asyncio.TaskGroup() as group:
            await client.create(STEADY)
            await asked(backbone)
            group.create_task(stack.aclose())
            await asyncio.sleep(0.05)
            with pytest.raises(Unavailable, match="about to end"):
                await client.create(spec(sample=7))


async def test_two_evaluators_share_the_runs_of_one_ledger(house, tmp_path):
    backbone = Backbone(delay_s=0.01)
    address = await house.serve(backbone)
    questions(tmp_path, COUNT)
    shared = {"llm": address, "at_once": 1}
    async with evaluating(tmp_path, **shared) as (one, _), evaluating(tmp_path, **shared) as (two, _):
        names = [(await one.create(spec(sample=number, in_flight=4), f"run-{number}")).id for number in range(4)]
        assert all([(await ended(two, name)).state == RunState.DONE for name in names])
        assert [run.id for run in (await two.list()).runs] == names[::-1]
    assert len(backbone.asked) == 4 * COUNT
    assert 1 < backbone.most_at_once <= 8


async def test_any_evaluator_cancels_and_follows_the_run_of_another(house, tmp_path, monkeypatch):
    monkeypatch.setattr("services.evaluator.registry.POLL_S", 0.1)
    questions(tmp_path, COUNT)
    address = await house.serve(Backbone(delay_s=0.1))
    async with evaluating(tmp_path, llm=address) as (one, _):
        run = await one.create(STEADY)
        await answered(one, run.id, 2)
        async with evaluating(tmp_path, llm=address) as (two, _):
            await answered(two, run.id, 4)
            assert (await two.cancel(run.id)).state == RunState.CANCELLING
            assert [status async for status in two.watch(run.id)][-1].state == RunState.CANCELLED
        assert (await one.get(run.id)).progress.done < COUNT


async def test_a_ledger_in_postgresql_serves_alike(house, tmp_path):
    if postgres.binaries() is None and not os.environ.get(postgres.REQUIRED):
        pytest.skip("PostgreSQL is not installed")
    questions(tmp_path, COUNT)
    backbone = Backbone(delay_s=0.01)
    with postgres.server() as url:
        shared = {"llm": await house.serve(backbone), "ledger": url, "at_once": 1}
        async with evaluating(tmp_path, **shared) as (one, _), evaluating(tmp_path, **shared) as (two, _):
            names = [(await one.create(spec(sample=number), f"run-{number}")).id for number in range(3)]
            assert all([(await ended(two, name)).tally.n == COUNT for name in names])
    assert len(backbone.asked) == 3 * COUNT
