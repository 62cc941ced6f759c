from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, NotFound, Unavailable
from earwitness.sampling import Sampling
from services.evaluator import session
from services.evaluator.session import Plan, Session
from tests.services.evaluator.conftest import Backbone, Describer, Listener, benchmark, item

NOBODY = "127.0.0.1:1"


@pytest.fixture
def engines():
    return Backbone(), Describer(), Listener()


@pytest.fixture
async def opened(house, ledger, engines):
    llm, captioner, lalm = [await house.serve(engine) for engine in engines]
    async with Session(ledger=ledger, llm_address=llm, captioner_address=captioner, lalm_address=lalm) as session:
        yield session


async def test_one_benchmark_goes_through_all_three_settings(opened, engines, clips):
    backbone, describer, listener = engines
    text, cascade, audio = [await opened.run(clips, setting) for setting in ("text", "cascade", "audio")]
    assert (len(backbone.asked), len(set(describer.heard)), len(set(listener.heard))) == (8, 3, 3)
    assert [result.setting for result in (text, cascade, audio)] == ["text", "cascade", "audio"]
    assert [result.total.failed for result in (text, cascade, audio)] == [0, 0, 0]
    assert [result.backbone for result in (text, cascade, audio)] == ["echo", "echo", "listener"]


async def test_a_result_names_the_captioner_or_the_lalm_with_its_fingerprint(opened, engines, clips):
    _, describer, listener = engines
    text, cascade, audio = [await opened.run(clips, setting) for setting in ("text", "cascade", "audio")]
    assert (text.captioner, text.checkpoint) == ("", "")
    assert cascade.captioner == f"describer (echo 1, {describer.identity.fingerprint[:12]})"
    assert (cascade.checkpoint, audio.captioner) == ("", "")
    assert audio.checkpoint == f"listener (echo 1, {listener.identity.fingerprint[:12]})"


async def test_the_text_setting_needs_no_other_service(house, ledger):
    address = await house.serve(Backbone())
    async with Session(ledger=ledger, llm_address=address, captioner_address=NOBODY, lalm_address=NOBODY) as session:
        assert (await session.run(benchmark([item("1")]), "text")).total.n == 1


async def test_the_plan_says_how_to_ask(house, ledger):
    backbone = Backbone()
    plan = Plan(prompt="desta-mmau@1", sampling=Sampling(max_tokens=2), in_flight=1)
    async with Session(
        ledger=ledger,
        llm_address=await house.serve(backbone),
        captioner_address=NOBODY,
        lalm_address=NOBODY,
        plan=plan,
    ) as session:
        result = await session.run(benchmark([item("1")]), "text")
    assert backbone.asked == ['What sounds like 1? Choose from the following options: "A dog" or "A bell"']
    assert (result.prompt, result.items[0].answer.completion_tokens) == ("desta-mmau@1", 2)


async def test_as_many_items_are_in_flight_as_the_plan_says(house, ledger):
    backbone = Backbone(delay_s=0.02)
    async with Session(
        ledger=ledger,
        llm_address=await house.serve(backbone),
        captioner_address=NOBODY,
        lalm_address=NOBODY,
        plan=Plan(in_flight=5),
    ) as session:
        await session.run(benchmark([item(f"{number}") for number in range(20)]), "text")
    assert backbone.most_at_once == 5


async def test_more_in_flight_than_a_server_admits_still_loses_nothing(house, ledger):
    address = await house.serve(Backbone(delay_s=0.01), max_in_flight=4)
    async with Session(
        ledger=ledger, llm_address=address, captioner_address=NOBODY, lalm_address=NOBODY, plan=Plan(in_flight=6)
    ) as session:
        result = await session.run(benchmark([item(f"{number}") for number in range(12)]), "text")
    assert (result.total.failed, ledger.count()) == (0, (12, 0, 0))


async def test_a_service_that_does_not_answer_ends_the_session_before_anything_is_asked(ledger, monkeypatch):
    monkeypatch.setattr(session, "READY_WITHIN_S", 0.2)
    async with Session(ledger=ledger, llm_address=NOBODY, captioner_address=NOBODY, lalm_address=NOBODY) as opened:
        with pytest.raises(Unavailable, match=NOBODY):
            await opened.run(benchmark([item("1")]), "text")
    assert ledger.count() == (0, 0, 0)


@pytest.mark.parametrize("setting", ["cascade", "audio"])
async def test_a_benchmark_without_clips_is_refused_where_clips_are_heard(opened, ledger, setting):
    with pytest.raises(InvalidInput, match="has no clips"):
        await opened.run(benchmark([item("1")]), setting)
    assert ledger.count() == (0, 0, 0)


async def test_an_unknown_prompt_is_not_found_before_any_service_is_needed(ledger):
    async with Session(
        ledger=ledger,
        llm_address=NOBODY,
        captioner_address=NOBODY,
        lalm_address=NOBODY,
        plan=replace(Plan(), prompt="figure-9"),
    ) as opened:
        with pytest.raises(NotFound, match="figure-9"):
            await opened.run(benchmark([item("1")]), "text")
