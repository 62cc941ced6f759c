import asyncio

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from earwitness.runs import RunProgress, RunState
from services.evaluator import metrics
from services.evaluator.metrics import Metrics
from services.evaluator.run import Progress
from services.evaluator.scoring import Tally
from tests.services.evaluator.conftest import Backbone, Describer
from tests.services.evaluator.evaluating import ended, evaluating, questions, spec

CASCADE = spec(benchmark="mini-mmau", setting="cascade", data="")


async def scrape(ports, accept="text/plain") -> str:
    async with (
        aiohttp.ClientSession(headers={"Accept": accept}) as session,
        session.get(f"http://127.0.0.1:{ports.metrics}/metrics") as response,
    ):
        assert response.status == 200
        return await response.text()


def samples(text: str, parse=prometheus) -> dict[tuple[str, ...], float]:
    """Values by the name without its prefix, then the labels in the order of their names."""
    return {
        (sample.name.removeprefix(metrics.PREFIX), *[value for _, value in sorted(sample.labels.items())]): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def read(counted: Metrics) -> dict[tuple[str, ...], float]:
    from prometheus_client import generate_latest

    return samples(generate_latest(counted.registry).decode())


async def test_what_was_done_is_scraped(house, tmp_path):
    questions(tmp_path, 30)
    targets = {"llm": await house.serve(Backbone(failures=2)), "captioner": await house.serve(Describer())}
    async with evaluating(tmp_path, **targets) as (client, ports):
        first = await ended(client, (await client.create(spec())).id)
        await ended(client, (await client.create(CASCADE)).id)
        await ended(client, (await client.create(CASCADE)).id)
        async with asyncio.timeout(5):
            while (found := samples(await scrape(ports)))["runs", "done"] != 3:
                await asyncio.sleep(0.1)
    outcomes = {key[2]: value for key, value in found.items() if key[:2] == ("items_total", "akb")}
    assert outcomes == {name: float(getattr(first.tally, name)) for name in metrics.OUTCOMES}
    assert sum(outcomes.values()) == 30
    assert found["retries_total", "akb", "text"] == 2
    assert found["tokens_total", "akb", "prompt", "text"] == first.progress.prompt_tokens > 0
    assert found["answers_reused_total", "mini-mmau", "cascade"] == 60
    captions = found["captions_total", "mini-mmau"]
    assert 0 < captions <= 60
    assert found["captions_reused_total", "mini-mmau"] == 120 - captions
    assert found["audio_seconds_total", "mini-mmau", "cascade"] > 0
    assert found["call_duration_seconds_count", "llm"] == 90
    assert found["call_duration_seconds_bucket", "captioner", "+Inf"] == captions
    assert found["call_duration_seconds_sum", "llm"] > 0


async def test_what_is_under_way_is_scraped(house, tmp_path):
    questions(tmp_path, 200)
    async with evaluating(tmp_path, llm=await house.serve(Backbone(delay_s=0.1))) as (client, ports):
        run = await client.create(spec(in_flight=4))
        async with asyncio.timeout(10):
            while (await client.get(run.id)).progress.done < 12:
                await asyncio.sleep(0.05)
        found = samples(await scrape(ports))
        assert 0 < found["calls_in_flight", "llm"] <= found["calls_limit", "llm"] <= 4
        assert 0 < found["run_progress_ratio", run.id] < 1
        assert found["run_eta_seconds", run.id] > 0
        await client.cancel(run.id)
        await ended(client, run.id)
        later = samples(await scrape(ports))
    assert ("run_eta_seconds", run.id) not in later
    assert later["calls_in_flight", "llm"] == later["calls_limit", "llm"] == 0
    assert later["call_duration_seconds_count", "llm"] >= found["call_duration_seconds_count", "llm"] >= 12


async def test_the_page_is_prometheus_and_openmetrics_as_it_is_asked_for(tmp_path):
    async with evaluating(tmp_path) as (_, ports):
        async with asyncio.timeout(5):
            while ("runs", "queued") not in samples(await scrape(ports)):
                await asyncio.sleep(0.05)
        text = await scrape(ports, "application/openmetrics-text; version=1.0.0")
        assert ("runs", "queued") in samples(text, openmetrics)
        families = list(prometheus(await scrape(ports)))
    assert all(family.documentation for family in families)
    ours = [family.name for family in families if family.name.startswith(metrics.PREFIX)]
    assert len(ours) == len(set(ours)) >= 14


def test_two_servers_in_one_process_count_apart():
    one, two = Metrics(), Metrics()
    one.add(("captions", "akb"), 3)
    assert read(one)["captions_total", "akb"] == 3
    assert ("captions_total", "akb") not in read(two)


def test_counters_only_grow_whatever_order_things_are_counted_in():
    counted, seen = Metrics(), []
    with counted.run("a", CASCADE, {}) as meter:
        for done, captions in ((0, 2), (3, 3), (5, 6), (9, 6), (9, 6)):
            meter.advance(Progress(done=done, total=9, reused=0, failed=0, captions=captions), RunProgress())
            seen.append(read(counted).get(("captions_reused_total", "mini-mmau"), 0.0))
    assert seen == [0, 0, 0, 3, 3]


def test_a_run_that_goes_on_counts_what_it_settles_anew():
    counted = Metrics()
    for _ in range(2):
        with counted.run("a", spec(), {}) as meter:
            settled = Progress(done=4, total=9, reused=0, failed=0, tally=Tally(n=4, correct=4))
            meter.advance(settled, RunProgress())
    assert read(counted)["items_total", "akb", "correct", "text"] == 8


def test_more_benchmarks_than_series_share_one(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_NAMES", 2)
    counted = Metrics()
    for name in ("a", "b", "c", "d", "a"):
        with counted.run(name, spec(benchmark=name), {}) as meter:
            meter.advance(Progress(done=1, total=1, reused=1, failed=0), RunProgress())
    reused = {key[1]: value for key, value in read(counted).items() if key[0] == "answers_reused_total"}
    assert reused == {"a": 2, "b": 1, "other": 2}


@pytest.mark.parametrize("state", RunState)
def test_every_state_has_its_gauge(state):
    counted = Metrics()
    counted.runs = {state: 2}
    assert read(counted)["runs", state.value] == 2
