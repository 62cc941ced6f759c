import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.errors import NotReady
from earwitness.fanout import Budget, Outage, Retries
from earwitness.sampling import Sampling
from services.evaluator.captions import CaptionStore
from services.evaluator.clips import ClipStore
from services.evaluator.ledger import Ledger
from services.evaluator.plan import Plan
from services.evaluator.prompts import template
from services.evaluator.result import Description, Experiment, RunResult, Usage, encode, items
from services.evaluator.run import Progress, Run
from services.evaluator.service import Service
from services.evaluator.settings import CascadeAsker, TextAsker
from tests.services.evaluator.conftest import Backbone, Describer, benchmark, identity, item

WORDING = template("figure-1@1")
PLAN = Plan(sampling=Sampling(max_tokens=8), in_flight=8)
QUICK = Retries(attempts=3, first_wait_s=0.001)
QUESTIONS = benchmark([item(f"{number}") for number in range(30)])


def bytes_of(outcome: tuple[RunResult, Usage], folder: Path) -> tuple[bytes, bytes]:
    result, _ = outcome
    return encode(Experiment(name="test", results=(result,))), (folder / result.answers).read_bytes()


@pytest.fixture
def service(house):
    """Serves an engine, and opens it as a run does."""

    async def make(engine) -> Service:
        client = await house.client(engine)
        return Service(client=client, identity=await client.identity(), retries=QUICK)

    return make


@pytest.fixture
def run(service, ledger, tmp_path):
    """Makes a run of the text setting, or of the cascade where a captioner is given."""

    async def make(asked, engine, describer=None, *, plan=PLAN, **options) -> Run:
        answering = await service(engine)
        if describer is None:
            asker = TextAsker(service=answering, plan=plan)
        else:
            captions = CaptionStore(service=await service(describer), ledger=ledger)
            asker = CascadeAsker(
                service=answering, plan=plan, clips=ClipStore(folder=tmp_path / "clips"), captions=captions
            )
        description = Description(
            backbone=answering.identity.model,
            fingerprint=answering.identity.weights,
            setting=asker.setting,
            prompt=plan.prompt,
            parameters={"max_tokens": plan.sampling.max_tokens},
            rotation=plan.places,
            control=plan.control,
        )
        options = {"ledger": ledger, "folder": tmp_path, **options}
        return Run(benchmark=asked, asker=asker, plan=plan, description=description, **options)

    return make


async def test_every_item_is_asked_once_and_a_second_run_asks_nothing_for_the_same_bytes(run, ledger, tmp_path):
    engine = Backbone()
    first = bytes_of(await (await run(QUESTIONS, engine)).execute(), tmp_path)
    assert sorted(engine.asked) == sorted(WORDING.render(one, "text")[1].content for one in QUESTIONS.items)
    assert ledger.count() == (30, 0, 0)
    again = await (await run(QUESTIONS, engine, plan=replace(PLAN, in_flight=3))).execute()
    assert bytes_of(again, tmp_path) == first
    assert (len(engine.asked), again[1].reused, ledger.count()) == (30, 30, (30, 0, 0))


async def test_the_result_is_of_the_run_and_its_answers_lie_beside_it_in_the_benchmark_s_order(run, tmp_path):
    result, _ = await (await run(QUESTIONS, Backbone())).execute()
    assert (result.backbone, result.setting, result.prompt) == ("echo", "text", WORDING.name)
    assert (result.fingerprint, result.parameters["max_tokens"]) == (identity("echo").weights, 8)
    assert (result.total.n, len(result.outcomes)) == (30, 30)
    assert [each.id for each in items(tmp_path, result)] == [one.id for one in QUESTIONS.items]


async def test_an_answer_is_in_the_ledger_before_progress_counts_it(run, tmp_path, clips, monkeypatch):
    monkeypatch.setattr("services.evaluator.run.SHOW_S", -1.0)
    seen: list[tuple[Progress, int]] = []
    broken = replace(clips.items[0], id="broken", audio=tmp_path / "missing.wav")
    asked = benchmark([broken, *clips.items])
    with closing(Ledger.at(tmp_path / "ledger.sqlite")) as other:

        def look(progress: Progress) -> None:
            answers, _, failures = other.count()
            seen.append((progress, answers + failures))

        await (await run(asked, Backbone(), Describer(), on_progress=look)).execute()
    assert [progress.done for progress, _ in seen] == [1, 2, 3, 4, 5, 5]
    assert all(recorded >= progress.done for progress, recorded in seen)
    assert (seen[-1][0].total, seen[-1][0].reused, seen[-1][0].failed) == (5, 0, 1)


async def test_an_item_that_fails_is_recorded_as_failed_and_stops_nothing(run, clips, tmp_path, ledger):
    asked = benchmark([clips.items[0], replace(clips.items[1], audio=tmp_path / "missing.wav"), *clips.items[2:]])
    engine = Backbone()
    result, usage = await (await run(asked, engine, Describer())).execute()
    assert (result.total.failed, usage.failed, result.outcomes[1]) == (1, 1, "f")
    assert (result.total.n, len(engine.asked)) == (4, 3)
    failed = list(items(tmp_path, result))[1]
    assert failed.answer.finish_reason == "error"
    assert "missing.wav" in failed.answer.error
    assert ledger.count() == (3, 2, 1)


async def test_a_failed_item_is_tried_again_by_the_next_run(run, clips, tmp_path):
    asked = benchmark([replace(clips.items[0], audio=tmp_path / "late.wav")])
    assert (await (await run(asked, Backbone(), Describer())).execute())[0].total.failed == 1
    (tmp_path / "late.wav").write_bytes(clips.items[0].audio.read_bytes())
    assert (await (await run(asked, Backbone(), Describer())).execute())[0].total.failed == 0


async def test_a_backbone_that_recovers_costs_no_item(run):
    engine = Backbone(failures=2)
    result, usage = await (await run(benchmark([item("1")]), engine)).execute()
    assert result.total.failed == 0
    assert (len(engine.asked), usage.retries) == (3, 2)


async def test_a_service_that_stays_down_is_asked_as_often_as_was_said(run, clips):
    backbone, describer = Backbone(failures=100), Describer(failures=100)
    one = benchmark(clips.items[:1])
    assert (await (await run(one, backbone)).execute())[0].total.failed == 1
    assert len(backbone.asked) == QUICK.attempts
    assert (await (await run(one, Backbone(), describer)).execute())[0].total.failed == 1
    assert describer.failures == 100 - QUICK.attempts


async def test_a_service_that_is_gone_for_good_ends_the_run_and_records_no_item_as_failed_for_it(run, ledger):
    engine = Backbone(failures=1000)
    asks = await run(QUESTIONS, engine)
    patient = Retries(attempts=1000, first_wait_s=0.001, longest_wait_s=0.001)
    gone = replace(asks.asker.service, retries=patient, budget=Budget("llm", give_up_after_s=0.05))
    asks.asker = replace(asks.asker, service=gone)
    with pytest.raises(Outage, match="has not answered"):
        await asks.execute()
    assert ledger.count() == (0, 0, 0)


async def test_a_run_that_is_told_to_stop_ends_what_is_in_flight_and_goes_on_later(run, ledger):
    engine = Backbone(delay_s=0.02)
    stop = asyncio.Event()
    asks = await run(QUESTIONS, engine, plan=replace(PLAN, in_flight=4), stop=stop)
    asyncio.get_running_loop().call_later(0.05, stop.set)
    with pytest.raises(NotReady, match="of 30 items answered"):
        await asks.execute()
    kept = ledger.count()[0]
    assert 0 < kept == len(engine.asked) < 30
    result, usage = await (await run(QUESTIONS, engine)).execute()
    assert (len(engine.asked), usage.reused, usage.asked, result.total.n) == (30, kept, 30, 30)


async def test_a_run_goes_on_where_it_was_before_it_looks_at_what_it_has(run, ledger, monkeypatch):
    monkeypatch.setattr("services.evaluator.leg.NOTE_S", 0.01)
    engine, stop = Backbone(delay_s=0.02), asyncio.Event()
    asks = await run(QUESTIONS, engine, plan=replace(PLAN, in_flight=2), stop=stop)
    asyncio.get_running_loop().call_later(0.1, stop.set)
    with pytest.raises(NotReady):
        await asks.execute()
    later = await run(QUESTIONS, engine)
    settled = await later.leg.settled()
    assert 0 < settled <= ledger.count()[0] < 30
    looked: list[str] = []
    monkeypatch.setattr(ledger, "answers", lambda keys: looked.append(f"after {len(engine.asked)}") or answers(keys))
    answers = Ledger.answers.__get__(ledger)
    result, usage = await later.execute()
    assert looked == ["after 30"]
    assert (len(engine.asked), usage.asked, result.total.n) == (30, 30, 30)


async def test_what_the_ledger_lost_is_asked_again(run, ledger, tmp_path):
    engine = Backbone()
    first = bytes_of(await (await run(QUESTIONS, engine)).execute(), tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute("DELETE FROM answers WHERE item IN ('3', '17')")
        file.commit()
    again = await (await run(QUESTIONS, engine)).execute()
    assert bytes_of(again, tmp_path) == first
    assert (len(engine.asked), again[1].reused) == (32, 28)


async def test_items_with_one_content_share_one_answer(run, ledger, tmp_path):
    engine = Backbone(delay_s=0.02)
    twins = benchmark([item(name, "Which one?") for name in ("a", "b", "c")])
    first = await (await run(twins, engine)).execute()
    assert (len(engine.asked), first[1].reused, ledger.count()) == (1, 2, (1, 0, 0))
    kept = bytes_of(first, tmp_path)
    assert bytes_of(await (await run(twins, engine)).execute(), tmp_path) == kept


async def test_two_evaluators_on_one_ledger_never_ask_the_same_item(run, ledger, tmp_path):
    engines = [Backbone(delay_s=0.01), Backbone(delay_s=0.01)]
    with closing(Ledger.at(tmp_path / "ledger.sqlite")) as other:
        one = await run(QUESTIONS, engines[0], folder=tmp_path / "one")
        two = await run(QUESTIONS, engines[1], folder=tmp_path / "two", ledger=other)
        results = await asyncio.gather(one.execute(), two.execute())
    asked = [*engines[0].asked, *engines[1].asked]
    assert len(asked) == len(set(asked)) == 30
    assert all(engine.asked for engine in engines)
    assert bytes_of(results[0], tmp_path / "one") == bytes_of(results[1], tmp_path / "two")


async def test_shuffling_moves_the_options_and_keeps_the_golds(run, tmp_path):
    engine = Backbone()
    result, _ = await (await run(QUESTIONS, engine, plan=replace(PLAN, control="shuffle", rotation=1))).execute()
    shown = list(items(tmp_path, result))
    assert {each.choices for each in shown} == {("A bell", "A dog")}
    assert {each.gold for each in shown} == {"A bell"}
    assert all(text.endswith("(A) A bell\n(B) A dog") for text in engine.asked)


async def test_a_clip_that_items_share_is_captioned_once(run, clips, tmp_path):
    describer = Describer()
    result, _ = await (await run(clips, Backbone(), describer)).execute()
    assert len(describer.heard) == len(set(describer.heard)) == 3
    told = [each.caption for each in items(tmp_path, result)]
    assert told == [f"A sound of {s} s." for s in ("1.00", "1.50", "2.00", "2.00")]


async def test_captions_serve_every_backbone(run, clips, ledger):
    describer, one, two = Describer(), Backbone("one"), Backbone("two")
    await (await run(clips, one, describer)).execute()
    result, _ = await (await run(clips, two, describer)).execute()
    assert (len(describer.heard), len(one.asked), len(two.asked)) == (3, 4, 4)
    assert (result.backbone, ledger.count()) == ("two", (8, 3, 0))


async def test_answering_goes_on_while_captions_are_made(run, clips):
    """Were captions made first and questions asked after, none would be asked before the last clip is heard."""
    heard_at_first_question: list[int] = []
    describer = Describer()

    class Watching(Backbone):
        async def _generate(self, turns, sampling, thinking):
            heard_at_first_question.append(len(describer.heard))
            return await super()._generate(turns, sampling, thinking)

    await (await run(clips, Watching(), describer, plan=replace(PLAN, in_flight=1))).execute()
    assert min(heard_at_first_question[1:]) < 3


async def test_a_ledger_that_fails_ends_the_run_with_its_own_error(run, tmp_path):
    asks = await run(QUESTIONS, Backbone())
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute("DROP TABLE answers")
        file.execute("DROP TABLE failures")
    with pytest.raises(NotReady, match="no such table"):
        await asks.execute()
