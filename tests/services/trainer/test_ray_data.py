"""Two workers of a Ray of this machine beside one client: the same rows."""

import asyncio

import msgspec
import numpy as np
import pytest

from earwitness.clients import LlmClient
from earwitness.errors import NotReady, Unavailable
from earwitness.sampling import Sampling
from services.trainer import rows
from services.trainer.backbone import OneBackbone
from services.trainer.distil import Plan, distil
from services.trainer.instructions import pool
from services.trainer.ray_data import Answered, Asked, RayBackbone, Worker
from services.trainer.reach import Reach
from services.trainer.tasks import conversation, plan, seeded
from tests.services.trainer.conftest import heard, sample

SAMPLES = [sample(number, transcript="Hello there." if number % 2 else "") for number in range(300)]


async def distilled(backbone, out) -> dict[str, bytes]:
    asked = Plan(samples=SAMPLES, dataset="noises", sampling=Sampling(max_tokens=16, temperature=0.8))
    await distil(backbone, asked, out, lambda split, count: lambda done, total: None)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


async def on_ray(address: str, **options) -> RayBackbone:
    return await asyncio.to_thread(RayBackbone, Reach(address=address), **options)


async def test_a_worker_answers_a_batch_in_its_order_and_says_who_it_is(teacher):
    tasks = plan(SAMPLES[:40], pool(), per_sample=1, seed=0)
    sampling = Sampling(max_tokens=16, temperature=0.8)
    asked = [
        msgspec.json.encode(Asked(index=index, turns=conversation(task), sampling=seeded(sampling, task.id)))
        for index, task in enumerate(tasks)
    ]
    worker = await asyncio.to_thread(Worker, Reach(address=teacher[1], max_tokens=16))
    halves = await asyncio.gather(
        *(asyncio.to_thread(worker, {"asked": np.array(half, object)}) for half in (asked[:20], asked[20:]))
    )
    answered = [msgspec.json.decode(each, type=Answered) for half in halves for each in half["answered"]]
    assert [each.index for each in answered] == list(range(40))
    assert {each.fingerprint for each in answered} == {worker.identity().fingerprint}
    for task, each in zip(tasks, answered, strict=True):
        assert each.generation.text.strip() == heard(conversation(task)[-1].content, seeded(sampling, task.id).seed)


@pytest.mark.catalogue
async def test_two_workers_write_what_one_client_writes_and_ask_only_what_is_left(teacher, tmp_path):
    engine, address = teacher
    engine.silent = ("(4)", "(78)")
    client = OneBackbone(chat=LlmClient.at(address))
    whole = await distilled(client, tmp_path / "one")
    await client.close()
    assert whole["train.dropped.jsonl"].count(b"\n") == 2
    asked = len(engine.asked)
    backbone = await on_ray(address, workers=2)
    try:
        assert await distilled(backbone, tmp_path / "ray") == whole
        assert len(engine.asked) == 2 * asked
        begun = tmp_path / "ray" / "train.jsonl"
        begun.write_bytes(b"".join(begun.read_bytes().splitlines(keepends=True)[:100]))
        assert await distilled(backbone, tmp_path / "ray") == whole
        assert len(engine.asked) == 2 * asked + len(rows.read(begun)) - 100
    finally:
        await backbone.close()


@pytest.mark.catalogue
async def test_what_a_worker_meets_is_said_here_as_it_is():
    backbone = await on_ray("127.0.0.1:1")
    try:
        with pytest.raises(Unavailable) as caught:
            await backbone.identity()
        assert "\n" not in str(caught.value)
    finally:
        await backbone.close()


async def test_a_cluster_that_is_not_there_is_said_in_one_line():
    with pytest.raises(NotReady, match=r"--ray: there is no cluster at 127\.0\.0\.1:1: .*") as caught:
        await on_ray("127.0.0.1:2", cluster="127.0.0.1:1")
    assert "\n" not in str(caught.value)
