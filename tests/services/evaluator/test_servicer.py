import asyncio
import time
from dataclasses import replace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from earwitness.errors import InvalidInput, NotFound, Overloaded
from earwitness.runs import RunState
from earwitness.sampling import Sampling
from services.evaluator import benchmarks, service
from services.evaluator.ledger import Ledger
from services.evaluator.plan import Plan, Targets
from services.evaluator.result import Experiment, load, save
from services.evaluator.session import Session
from tests.services.evaluator.conftest import Backbone, Describer
from tests.services.evaluator.evaluating import DATA, ended, evaluating, questions, spec, until
from tests.serving import channel

NOBODY = "127.0.0.1:1"


@pytest.fixture
async def served(house, tmp_path):
    """Serves an evaluator of 40 questions and a slow backbone; yields its client and the backbone."""
    backbone = Backbone(delay_s=0.02)
    questions(tmp_path, 40)
    async with evaluating(tmp_path, llm=await house.serve(backbone), at_once=1, max_queued=3) as (client, _):
        yield client, backbone


SLOW = spec(in_flight=1)


async def test_a_run_is_created_at_once_and_brought_to_its_end(served, tmp_path):
    client, _ = served
    started = time.monotonic()
    created = await client.create(spec())
    assert time.monotonic() - started < 0.5
    assert created.state in (RunState.QUEUED, RunState.RUNNING)
    run = await ended(client, created.id)
    assert (run.state, run.error, run.backbone) == (RunState.DONE, "", "echo")
    assert (run.progress.done, run.progress.total, run.tally.n) == (40, 40, 40)
    assert load(tmp_path / "out" / "runs" / run.id).results[0].total.n == 40


async def test_the_results_are_those_of_the_command_line(served, house, tmp_path):
    client, _ = served
    run = await ended(client, (await client.create(spec(sampling=Sampling(max_tokens=9)))).id)
    asked = benchmarks.load("akb", tmp_path / DATA / "questions.jsonl")
    ledger = Ledger.at(tmp_path / "other.sqlite")
    targets = Targets(llm=await house.serve(Backbone()))
    async with Session(ledger=ledger, folder=tmp_path / "other", targets=targets) as session:
        result, usage = await session.run(asked, "text", Plan(sampling=Sampling(max_tokens=9)))
    save(Experiment(name=result.backbone, results=(result,), usage=(usage,)), tmp_path / "other")
    ledger.close()
    for name in ("results.json", result.answers):
        assert (tmp_path / "out" / "runs" / run.id / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


async def test_sampling_is_what_was_written_not_what_32_bits_make_of_it(served):
    client, _ = served
    created = await client.create(spec(sampling=Sampling(temperature=0.7, top_p=0.9, stop=("\n",), max_tokens=5)))
    sampling = created.spec.sampling
    assert (sampling.temperature, sampling.top_p, sampling.stop, sampling.max_tokens) == (0.7, 0.9, ("\n",), 5)


async def test_a_cascade_run_hears_and_answers(house, tmp_path):
    targets = {"llm": await house.serve(Backbone()), "captioner": await house.serve(Describer())}
    async with evaluating(tmp_path, **targets) as (client, _):
        run = await ended(client, (await client.create(spec(benchmark="mini-mmau", setting="cascade", data=""))).id)
    assert (run.state, run.tally.failed, run.tally.n) == (RunState.DONE, 0, 60)
    assert 0 < run.progress.captions <= 60
    assert run.progress.audio_seconds > 0


async def test_the_same_spec_is_the_same_run_until_it_is_finished(served):
    client, _ = served
    first, again, other = [await client.create(each) for each in (SLOW, SLOW, replace(SLOW, sample=1))]
    assert first.id == again.id != other.id
    await ended(client, first.id)
    new = await client.create(SLOW)
    assert new.id not in (first.id, other.id)
    assert (await ended(client, new.id)).progress.reused == 40


async def test_a_chosen_name_is_kept_and_belongs_to_one_spec(served):
    client, _ = served
    assert (await client.create(spec(), "mine")).id == "mine"
    await ended(client, "mine")
    assert (await client.create(spec(), "mine")).state == RunState.DONE
    with pytest.raises(InvalidInput, match="id: the run mine has another spec"):
        await client.create(spec(sample=1), "mine")


async def test_defaults_are_filled_in_and_targets_that_nobody_asks_left_out(served):
    client, _ = served
    run = await client.create(spec(captioner=NOBODY, lalm=NOBODY))
    assert (run.spec.captioner, run.spec.lalm, run.spec.prompt) == ("", "", "figure-1@1")
    assert run.spec.llm.startswith("127.0.0.1:")
    assert run.id == (await client.create(spec(prompt="figure-1@1"))).id


async def test_a_full_queue_refuses_and_says_when_to_come_back(served):
    client, _ = served
    first = await client.create(SLOW)
    await until(client, first.id, RunState.RUNNING)
    waiting = [await client.create(replace(SLOW, sample=number)) for number in (1, 2, 3)]
    assert [run.state for run in waiting] == [RunState.QUEUED] * 3
    with pytest.raises(Overloaded, match="3 runs wait already") as refused:
        await client.create(replace(SLOW, sample=4))
    assert refused.value.retry_after_s == 30
    assert (await client.create(replace(SLOW, sample=3))).id == waiting[2].id


async def test_no_more_runs_are_under_way_than_was_said(served):
    client, backbone = served
    runs = [await client.create(replace(SLOW, sample=number)) for number in range(3)]
    for run in runs:
        assert (await ended(client, run.id)).state == RunState.DONE
    assert backbone.most_at_once == 1


async def test_a_watcher_sees_the_run_to_its_end_four_times_a_second_at_most(served):
    client, _ = served
    run, started = await client.create(SLOW), time.monotonic()
    seen = [status async for status in client.watch(run.id)]
    assert 3 <= len(seen) <= 4 * (time.monotonic() - started) + 3
    assert [status.progress.done for status in seen] == sorted(status.progress.done for status in seen)
    assert (seen[-1].state, seen[-1].progress.done, seen[-1].tally.n) == (RunState.DONE, 40, 40)
    assert any(status.progress.eta_seconds for status in seen)
    assert [status.state async for status in client.watch(run.id)] == [RunState.DONE]


async def test_watchers_beyond_the_limit_are_refused(house, tmp_path):
    questions(tmp_path, 40)
    async with evaluating(tmp_path, llm=await house.serve(Backbone(delay_s=0.05)), max_watchers=1) as (client, _):
        run = await client.create(SLOW)
        watcher = client.watch(run.id)
        await anext(watcher)
        with pytest.raises(Overloaded):
            await anext(client.watch(run.id))
        await watcher.aclose()
        await asyncio.sleep(0.1)
        assert await anext(client.watch(run.id))


async def test_cancelling_keeps_what_was_answered(served, tmp_path):
    client, backbone = served
    run = await client.create(SLOW)
    while not (await client.get(run.id)).progress.done:
        await asyncio.sleep(0.05)
    assert (await client.cancel(run.id)).state == RunState.CANCELLING
    assert (await ended(client, run.id)).state == RunState.CANCELLED
    kept = len(backbone.asked)
    assert 0 < kept < 40
    with pytest.raises(NotFound):
        load(tmp_path / "out" / "runs" / run.id)
    again = await ended(client, (await client.create(SLOW)).id)
    assert (again.progress.reused, len(backbone.asked)) == (kept, 40)


async def test_a_run_that_waits_is_cancelled_at_once_and_one_that_has_ended_stays(served):
    client, backbone = served
    first, second = await client.create(SLOW), await client.create(replace(SLOW, sample=1))
    assert (await client.cancel(second.id)).state == RunState.CANCELLED
    await ended(client, first.id)
    assert (await client.cancel(first.id)).state == RunState.DONE
    assert (await client.get(second.id)).state == RunState.CANCELLED
    assert len(backbone.asked) == 40


async def test_a_run_that_waits_for_a_service_is_cancelled_at_once(served):
    client, _ = served
    run = await client.create(spec(llm=NOBODY))
    await until(client, run.id, RunState.RUNNING)
    await client.cancel(run.id)
    async with asyncio.timeout(3):
        assert (await ended(client, run.id)).state == RunState.CANCELLED


async def test_a_run_without_its_service_fails_and_says_why(served, monkeypatch):
    monkeypatch.setattr(service, "READY_WITHIN_S", 0.2)
    client, _ = served
    run = await ended(client, (await client.create(spec(llm=NOBODY))).id)
    assert run.state == RunState.FAILED
    assert NOBODY in run.error


async def test_a_benchmark_that_cannot_be_asked_so_fails_its_run_alone(served, tmp_path):
    client, _ = served
    (tmp_path / DATA / "broken.jsonl").write_text('{"id": "1"}\n')
    broken = await ended(client, (await client.create(spec(data="broken.jsonl"))).id)
    assert broken.state == RunState.FAILED
    assert "broken.jsonl:1" in broken.error
    assert (await ended(client, (await client.create(spec())).id)).state == RunState.DONE


async def test_runs_are_listed_newest_first_page_by_page(served):
    client, _ = served
    await ended(client, (await client.create(spec())).id)
    names = [(await client.create(replace(SLOW, sample=number), f"run-{number}")).id for number in (1, 2, 3)]
    first = await client.list(page_size=2)
    second = await client.list(page_size=2, page_token=first.next_page_token)
    listed = [run.id for run in (*first.runs, *second.runs)]
    assert listed[:3] == names[::-1]
    assert (len(listed), second.next_page_token) == (4, "")
    assert [run.id for run in (await client.list(state=RunState.DONE)).runs] == listed[3:]


async def test_what_does_not_exist_is_not_found_and_what_does_is_named(served):
    client, _ = served
    with pytest.raises(NotFound, match="none yet"):
        await client.get("nothing")
    run = await client.create(spec())
    for call in (client.get, client.cancel, lambda id: anext(client.watch(id))):
        with pytest.raises(NotFound, match=f"id: there is no run 'nothing' .*{run.id}"):
            await call("nothing")
    with pytest.raises(NotFound, match=r"benchmark: there is no benchmark 'akbb' .*mini-akb"):
        await client.create(spec(benchmark="akbb"))
    with pytest.raises(NotFound, match=r"prompt: .*figure-1@1"):
        await client.create(spec(prompt="figure-9@1"))
    with pytest.raises(NotFound, match="there is no such endpoint"):
        await client.create(spec(llm="openai:nobody"))


@pytest.mark.parametrize(
    "path", ["../secret.jsonl", "{root}/secret.jsonl", "link.jsonl", "deep/../../secret.jsonl", ".."]
)
@pytest.mark.parametrize("field", ["data", "overlay"])
async def test_no_path_leads_out_of_the_data_folder(served, tmp_path, path, field):
    client, _ = served
    (tmp_path / "secret.jsonl").write_text("{}")
    (tmp_path / DATA / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(InvalidInput, match=f"spec.{field}: leads out of"):
        await client.create(spec(**{field: path.format(root=tmp_path)}))


@pytest.mark.parametrize("path", ["missing.jsonl", "a" * 300, "questions.jsonl/more", "loop"])
async def test_a_path_without_a_file_is_not_found(served, tmp_path, path):
    client, _ = served
    (tmp_path / DATA / "loop").symlink_to(tmp_path / DATA / "loop")
    with pytest.raises(NotFound, match=r"spec\.data: the server's data folder has no"):
        await client.create(spec(data=path))


async def test_without_a_data_folder_no_path_is_read(house, tmp_path):
    questions(tmp_path, 1)
    async with evaluating(tmp_path, llm=await house.serve(Backbone()), data=None) as (client, _):
        with pytest.raises(InvalidInput, match=r"spec\.data: the server has no data folder"):
            await client.create(spec())
        with pytest.raises(InvalidInput, match=r"spec\.data: 'mmau-test' does not come with Earwitness"):
            await client.create(spec(benchmark="mmau-test", setting="audio", data=""))


async def test_the_server_says_how_it_is_and_what_it_answers(house, tmp_path):
    async with evaluating(tmp_path) as (client, _), channel(client.address) as bare:
        health = health_pb2_grpc.HealthStub(bare)
        for name in ("", "earwitness.v1.EvaluatorService"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health.Check(health_pb2.HealthCheckRequest(service="earwitness.v1.LlmService"))
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
        reflection = reflection_pb2_grpc.ServerReflectionStub(bare)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for listed in reflection.ServerReflectionInfo(iter([asked])):
            names = {each.name for each in listed.list_services_response.service}
        assert {"earwitness.v1.EvaluatorService", "grpc.health.v1.Health"} <= names
