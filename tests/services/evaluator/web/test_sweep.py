import asyncio
import json
import re
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from earwitness.runs import RunProgress, RunSpec, RunState, RunStatus
from services.evaluator.cost import Price, Prices
from services.evaluator.web import limits
from services.evaluator.web.config import WebConfig
from services.evaluator.web.page import Asked, Session, Site
from services.evaluator.web.pages import sweep
from services.evaluator.web.runs import RESUMABLE, look, together
from services.evaluator.web.shelf import Shelf
from tests.services.evaluator.conftest import Backbone
from tests.services.evaluator.conftest import house as house
from tests.services.evaluator.evaluating import config, questions
from tests.services.evaluator.web.conftest import visiting


@pytest.fixture
async def swept(house, tmp_path):
    """Visits a site that starts runs of sixty questions of a slow backbone that fails at first."""
    questions(tmp_path, 60)
    backbone = Backbone(delay_s=0.1)
    runs = config(tmp_path, llm=await house.serve(backbone), at_once=1)
    async with visiting(WebConfig(results=(runs.out,)), runs=runs) as visitor:
        yield visitor


class Picky(Backbone):
    """Refuses every question whose number has a 1 in it, for one of two reasons."""

    async def _generate(self, turns, sampling, thinking):
        number = re.search(r"like (\d+)\?", turns[-1].content)
        if number and "1" in number[1]:
            even = int(number[1]) % 2 == 0
            raise InvalidInput(f"{number[1]} is out of range" if even else "too long", "messages")
        return await super()._generate(turns, sampling, thinking)


async def told(visitor, wanted, with_kinds=False):
    """Follows the events until one of a run is as wanted, and has kinds of failures if that is asked; returns it."""
    async with asyncio.timeout(40), visitor.session.get(f"{visitor.base}/sweep/events") as stream:
        assert stream.content_type == "text/event-stream"
        assert "default-src 'none'" in stream.headers["Content-Security-Policy"]
        async for line in stream.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if event["id"] and wanted(event["told"]) and (event["kinds"] or not with_kinds):
                    return event
    raise AssertionError("the stream ended")


async def test_a_run_is_started_followed_stopped_and_taken_up_again(swept):
    await swept.get("/sweep")
    await swept.post(
        "/sweep/start", benchmark="akb", setting="text", data="questions.jsonl", backbones="", in_flight="2"
    )
    assert swept.headers["Location"] == "/sweep"
    under_way = await told(swept, lambda told: told["state"] == "running" and told["done"])
    assert float(under_way["told"]["share"]) < 1
    assert ">Stop<" in await swept.get("/sweep")
    await swept.post("/sweep/stop", id=under_way["id"])
    await told(swept, lambda told: told["state"] in ("cancelled", "done"))
    text = await swept.get("/sweep")
    if ">Resume<" in text:
        await swept.post("/sweep/resume", id=under_way["id"])
    done = await told(swept, lambda told: told["state"] == "done")
    assert done["told"]["done"] == "60 of 60"
    for _ in range(50):
        if "/items/akb-" in (text := await swept.get("/sweep")):
            break
        await asyncio.sleep(0.1)
    assert "/items/akb-" in text


async def test_failures_are_told_by_kind_with_the_way_to_their_items(house, tmp_path):
    questions(tmp_path, 20)
    runs = config(tmp_path, llm=await house.serve(Picky()))
    async with visiting(WebConfig(results=(runs.out,)), runs=runs) as visitor:
        await visitor.get("/sweep")
        await visitor.post("/sweep/start", benchmark="akb", setting="text", data="questions.jsonl")
        done = await told(visitor, lambda told: told["state"] == "done", with_kinds=True)
        assert [kind["number"] for kind in done["kinds"]] == [6, 5]
        assert ["too long" in kind["label"] for kind in done["kinds"]] == [True, False]
        assert "N is out of range" in done["kinds"][1]["label"]
        assert "5 × " in await visitor.get("/sweep")
        assert "5</b> of 20" in await visitor.get(done["kinds"][1]["to"])


async def test_failures_are_told_by_kind_while_a_run_goes_on(house, tmp_path):
    questions(tmp_path, 60)
    runs = config(tmp_path, llm=await house.serve(Picky(delay_s=0.2)))
    async with visiting(WebConfig(results=(runs.out,)), runs=runs) as visitor:
        await visitor.get("/sweep")
        await visitor.post("/sweep/start", benchmark="akb", setting="text", data="questions.jsonl", in_flight="2")
        live = await told(visitor, lambda told: told["state"] == "running", with_kinds=True)
        assert {kind["to"] for kind in live["kinds"]} == {""}
        assert "too long" in await visitor.get("/sweep")


async def test_only_so_many_pages_are_kept_up_to_date_and_who_leaves_makes_room(swept, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_EACH", 2)
    url = f"{swept.base}/sweep/events"
    async with swept.session.get(url) as first:
        await first.content.readline()
        async with swept.session.get(url) as second:
            await second.content.readline()
            await swept.get("/sweep/events", status=429)
            assert swept.headers["Retry-After"] == str(round(limits.WATCH_AGAIN_S))
        async with asyncio.timeout(10 * sweep.LOOK_S):
            while True:
                async with swept.session.get(url) as third:
                    if third.status == 200:
                        break
                await asyncio.sleep(0.2)


def test_a_runs_cost_is_told_as_far_as_prices_say():
    price = {"source": "tests", "date": "2026-01-01"}
    status = RunStatus(
        id="x",
        spec=RunSpec(benchmark="akb", setting="text"),
        state=RunState.RUNNING,
        created_at=0.0,
        progress=RunProgress(done=1, total=2, prompt_tokens=500_000, audio_seconds=9.0),
        backbone="mine",
    )

    def costs(gpus: float = 0.0, **charged: float) -> tuple[str, str]:
        prices = Prices(entries={"mine": Price(**price, **charged)} if charged else {})
        site = Site(config=WebConfig(gpus=gpus), shelf=Shelf([]), prices=prices)
        seen = look(site, [status])
        return seen[0].told.words["cost"], together([*seen, *look(replace(site, prices=Prices()), [status])]).words[
            "cost"
        ]

    assert costs(prompt_per_million=4.0, audio_per_second=1.0) == ("$2.00", "at least $2.00")
    assert costs(gpu_hour=2.0, gpus=1.0) == ("", "not known")
    assert costs() == ("", "not known")


async def test_what_cannot_be_started_is_said(swept):
    await swept.get("/sweep")
    await swept.post("/sweep/start", status=400, benchmark="akb")
    await swept.post("/sweep/start", benchmark="nothing", setting="text")
    assert "there is no benchmark" in await swept.get(swept.headers["Location"])
    await swept.post("/sweep/resume", status=404, id="nobody")


async def test_pages_without_a_ledger_start_nothing(results):
    async with visiting(WebConfig(results=(results,))) as visitor:
        assert "--ledger URL" in await visitor.get("/sweep")
        await visitor.get("/verify")
        await visitor.get("/sweep/events", status=503)


def test_each_line_is_a_backbone(tmp_path):
    form = {"backbones": "a:1\nllm=b:2 captioner=c:3\n"}
    asked = Asked(
        site=Site(config=WebConfig(), shelf=Shelf([])),
        session=Session(),
        form=form,
        lists={"benchmark": ["mini-akb"], "setting": ["text", "audio"]},
    )
    made = sweep._specs(asked)
    assert [(spec.setting, spec.llm, spec.captioner, spec.lalm) for spec in made] == [
        ("text", "a:1", "", ""),
        ("text", "b:2", "c:3", ""),
        ("audio", "", "", "a:1"),
        ("audio", "b:2", "c:3", ""),
    ]
    assert RunState.CANCELLED in RESUMABLE
    with pytest.raises(InvalidInput, match="is no service"):
        sweep._spec(asked, "mini-akb", "text", ["gpu=x"])
