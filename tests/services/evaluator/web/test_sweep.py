import asyncio
import json

import pytest

from earwitness.errors import InvalidInput
from earwitness.runs import RunState
from services.evaluator.web.config import WebConfig
from services.evaluator.web.page import Asked, Session, Site
from services.evaluator.web.pages import sweep
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


async def told(visitor, wanted):
    """Follows the events until one of a run is as wanted; returns it."""
    async with asyncio.timeout(40), visitor.session.get(f"{visitor.base}/sweep/events") as stream:
        assert stream.content_type == "text/event-stream"
        assert "default-src 'none'" in stream.headers["Content-Security-Policy"]
        async for line in stream.content:
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if event["id"] and wanted(event["told"]):
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
    assert RunState.CANCELLED in sweep.RESUMABLE
    with pytest.raises(InvalidInput, match="is no service"):
        sweep._spec(asked, "mini-akb", "text", ["gpu=x"])
