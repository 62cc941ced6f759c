from dataclasses import replace

import pytest

from earwitness import wav
from earwitness.errors import InvalidInput, NotFound, Unavailable
from earwitness.sampling import Sampling
from services.evaluator import service
from services.evaluator.clips import ClipStore
from services.evaluator.plan import Plan, Targets
from services.evaluator.result import RunResult, items
from services.evaluator.session import Session
from tests.services.evaluator.conftest import Backbone, Describer, Listener, benchmark, item

NOBODY = "127.0.0.1:1"
BLIND = Plan(control="blind")


@pytest.fixture
def engines():
    return Backbone(), Describer(), Listener()


@pytest.fixture
def open_session(ledger, tmp_path):
    """Opens a session of services that nobody answers at but those given."""

    def make(**addresses: str) -> Session:
        targets = Targets(**{"llm": NOBODY, "captioner": NOBODY, "lalm": NOBODY, **addresses})
        return Session(ledger=ledger, folder=tmp_path, targets=targets, clips=ClipStore(folder=tmp_path / "clips"))

    return make


@pytest.fixture
async def opened(house, engines, open_session):
    llm, captioner, lalm = [await house.serve(engine) for engine in engines]
    async with open_session(llm=llm, captioner=captioner, lalm=lalm) as session:
        yield session


async def three(opened, clips) -> list[RunResult]:
    """Runs the cascade, the audio setting, and the questions without their clips."""
    blind = await opened.run(clips, "text", BLIND)
    return [blind[0], *[(await opened.run(clips, setting))[0] for setting in ("cascade", "audio")]]


async def test_one_benchmark_goes_through_all_three_settings(opened, engines, clips):
    backbone, describer, listener = engines
    results = await three(opened, clips)
    assert (len(backbone.asked), len(set(describer.heard)), len(set(listener.heard))) == (8, 3, 3)
    assert [result.setting for result in results] == ["text", "cascade", "audio"]
    assert [result.total.failed for result in results] == [0, 0, 0]
    assert [result.backbone for result in results] == ["echo", "echo", "listener"]


async def test_a_result_names_the_captioner_or_the_lalm_with_its_fingerprint(opened, engines, clips):
    _, describer, listener = engines
    text, cascade, audio = await three(opened, clips)
    assert (text.captioner, text.checkpoint, text.control) == ("", "", "blind")
    assert cascade.captioner == f"describer (echo 1, {describer.identity.fingerprint[:12]})"
    assert (cascade.caption_prompt, cascade.checkpoint, audio.captioner) == ("plain@1", "", "")
    assert audio.checkpoint == f"listener (echo 1, {listener.identity.fingerprint[:12]})"


async def test_a_run_against_a_lalm_that_was_trained_here_says_which_training_it_came_from(house, open_session, clips):
    listener = Listener()
    made = {"run": "r1", "step": "500", "data.train_rows": "ab", "code.sha256": "cd"}
    listener.identity = replace(listener.identity, lineage=made)
    async with open_session(lalm=await house.serve(listener)) as session:
        result, _ = await session.run(clips, "audio")
    said = {name: value for name, value in result.parameters.items() if name.startswith("lineage.")}
    assert said == {f"lineage.{name}": value for name, value in made.items()}


async def test_the_clips_of_all_runs_are_decoded_once_and_plain_ones_never(opened, clips):
    await three(opened, clips)
    plain = sum(wav.is_plain(item.audio.read_bytes()) for item in clips.items)
    assert (plain, opened.clips.decoded) == (3, 1)


async def test_the_text_setting_needs_no_other_service(house, open_session):
    async with open_session(llm=await house.serve(Backbone())) as session:
        assert (await session.run(benchmark([item("1")]), "text"))[0].total.n == 1


async def test_the_plan_says_how_to_ask(house, open_session, tmp_path):
    backbone = Backbone()
    plan = Plan(prompt="desta-mmau@1", sampling=Sampling(max_tokens=2), in_flight=1)
    async with open_session(llm=await house.serve(backbone)) as session:
        result, _ = await session.run(benchmark([item("1")]), "text", plan)
    assert backbone.asked == ['What sounds like 1? Choose from the following options: "A dog" or "A bell"']
    (one,) = items(tmp_path, result)
    assert (result.prompt, one.answer.completion_tokens) == ("desta-mmau@1", 2)


async def test_another_sample_is_another_answer_with_another_seed(house, open_session):
    backbone = Backbone()
    async with open_session(llm=await house.serve(backbone)) as session:
        results = [(await session.run(benchmark([item("1")]), "text", Plan(sample=n)))[0] for n in (0, 1, 1)]
    assert len(backbone.asked) == 2
    assert [(result.sample, result.parameters["seed"]) for result in results] == [(0, 0), (1, 1), (1, 1)]
    assert len({result.place for result in results}) == 2


async def test_no_more_items_are_in_flight_than_the_plan_says(house, open_session):
    backbone = Backbone(delay_s=0.02)
    async with open_session(llm=await house.serve(backbone)) as session:
        await session.run(benchmark([item(f"{number}") for number in range(60)]), "text", Plan(in_flight=5))
    assert 1 < backbone.most_at_once <= 5


async def test_more_in_flight_than_a_server_admits_still_loses_nothing(house, open_session, ledger):
    address = await house.serve(Backbone(delay_s=0.01), max_in_flight=4)
    async with open_session(llm=address) as session:
        result, _ = await session.run(benchmark([item(f"{number}") for number in range(40)]), "text")
    assert (result.total.failed, ledger.count()) == (0, (40, 0, 0))


async def test_a_service_that_does_not_answer_ends_the_session_before_anything_is_asked(
    open_session, ledger, monkeypatch
):
    monkeypatch.setattr(service, "READY_WITHIN_S", 0.2)
    async with open_session() as opened:
        with pytest.raises(Unavailable, match=NOBODY):
            await opened.run(benchmark([item("1")]), "text")
    assert ledger.count() == (0, 0, 0)


@pytest.mark.parametrize("setting", ["cascade", "audio"])
async def test_a_benchmark_without_clips_is_refused_where_clips_are_heard(opened, ledger, setting):
    with pytest.raises(InvalidInput, match="has no clips"):
        await opened.run(benchmark([item("1")]), setting)
    assert ledger.count() == (0, 0, 0)


async def test_an_unknown_prompt_is_not_found_before_any_service_is_needed(open_session):
    async with open_session() as opened:
        with pytest.raises(NotFound, match="figure-9"):
            await opened.run(benchmark([item("1")]), "text", Plan(prompt="figure-9"))
