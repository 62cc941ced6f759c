import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from earwitness.errors import NotReady
from earwitness.fanout import Retries
from earwitness.sampling import Sampling
from services.evaluator.captions import CaptionStore
from services.evaluator.ledger import Ledger
from services.evaluator.prompts import PromptTemplate, template
from services.evaluator.result import Experiment, encode
from services.evaluator.run import Progress, Run, answer_key
from services.evaluator.settings import CascadeAsker, Question, TextAsker
from tests.services.evaluator.conftest import Backbone, Describer, benchmark, identity, item

WORDING = template("figure-1@1")
SAMPLING = Sampling(max_tokens=8)
QUICK = Retries(attempts=3, first_wait_s=0.001)
QUESTIONS = benchmark([item(f"{number}") for number in range(30)])


def bytes_of(result) -> bytes:
    return encode(Experiment(name="test", results=(result,)))


@pytest.fixture
def run(house, ledger):
    """Makes a run of the text setting, or of the cascade where a captioner is given."""

    async def make(asked, engine, describer=None, **options) -> Run:
        client = await house.client(engine)
        parts = {
            "client": client,
            "identity": await client.identity(),
            "template": WORDING,
            "sampling": SAMPLING,
        }
        if describer is None:
            asker = TextAsker(**parts)
        else:
            captioner = await house.client(describer)
            store = CaptionStore(client=captioner, identity=await captioner.identity(), ledger=ledger, retries=QUICK)
            asker = CascadeAsker(captions=store, **parts)
        options = {"in_flight": 8, "retries": QUICK, **options}
        return Run(benchmark=asked, asker=asker, template=WORDING, sampling=SAMPLING, ledger=ledger, **options)

    return make


async def test_every_item_is_asked_once_and_a_second_run_asks_nothing_for_the_same_bytes(run, ledger):
    engine = Backbone()
    first = await (await run(QUESTIONS, engine)).execute()
    assert sorted(engine.asked) == sorted(WORDING.render(one, "text")[1].content for one in QUESTIONS.items)
    assert ledger.count() == (30, 0, 0)
    again = await run(QUESTIONS, engine, in_flight=3)
    assert bytes_of(await again.execute()) == bytes_of(first)
    assert (len(engine.asked), again.reused, ledger.count()) == (30, 30, (30, 0, 0))


async def test_the_result_is_of_the_run(run):
    result = await (await run(QUESTIONS, Backbone(), captioner="nobody", checkpoint="none")).execute()
    assert (result.backbone, result.setting, result.prompt) == ("echo", "text", WORDING.name)
    assert (result.fingerprint, result.parameters["max_tokens"]) == (identity("echo").weights, 8)
    assert (result.captioner, result.checkpoint, result.total.n) == ("nobody", "none", 30)
    assert [each.id for each in result.items] == [one.id for one in QUESTIONS.items]


async def test_an_answer_is_in_the_ledger_before_progress_counts_it(run, tmp_path, clips):
    seen: list[tuple[Progress, int]] = []
    broken = replace(clips.items[0], id="broken", audio=tmp_path / "missing.wav")
    asked = benchmark([broken, *clips.items])
    with closing(Ledger.at(tmp_path / "ledger.sqlite")) as other:

        def look(progress: Progress) -> None:
            answers, _, failures = other.count()
            seen.append((progress, answers + failures))

        await (await run(asked, Backbone(), Describer(), on_progress=look)).execute()
    assert [progress.done for progress, _ in seen] == [1, 2, 3, 4, 5]
    assert all(recorded >= progress.done for progress, recorded in seen)
    assert seen[-1][0] == Progress(done=5, total=5, reused=0, failed=1)


async def test_an_item_that_fails_is_recorded_as_failed_and_stops_nothing(run, clips, tmp_path, ledger):
    asked = benchmark([clips.items[0], replace(clips.items[1], audio=tmp_path / "missing.wav"), *clips.items[2:]])
    engine = Backbone()
    result = await (await run(asked, engine, Describer())).execute()
    assert result.total.failed == 1
    assert (result.total.n, len(engine.asked)) == (4, 3)
    failed = result.items[1]
    assert failed.answer.finish_reason == "error"
    assert "missing.wav" in failed.answer.error
    assert ledger.count() == (3, 2, 1)


async def test_a_failed_item_is_tried_again_by_the_next_run(run, clips, tmp_path):
    asked = benchmark([replace(clips.items[0], audio=tmp_path / "late.wav")])
    assert (await (await run(asked, Backbone(), Describer())).execute()).total.failed == 1
    (tmp_path / "late.wav").write_bytes(clips.items[0].audio.read_bytes())
    assert (await (await run(asked, Backbone(), Describer())).execute()).total.failed == 0


async def test_a_backbone_that_recovers_costs_no_item(run):
    engine = Backbone(failures=2)
    result = await (await run(benchmark([item("1")]), engine)).execute()
    assert result.total.failed == 0
    assert len(engine.asked) == 3


async def test_a_service_that_stays_down_is_asked_as_often_as_was_said(run, clips):
    backbone, describer = Backbone(failures=100), Describer(failures=100)
    one = benchmark(clips.items[:1])
    assert (await (await run(one, backbone)).execute()).total.failed == 1
    assert len(backbone.asked) == QUICK.attempts
    assert (await (await run(one, Backbone(), describer)).execute()).total.failed == 1
    assert describer.failures == 100 - QUICK.attempts


async def test_items_with_one_content_share_one_answer(run, ledger):
    engine = Backbone(delay_s=0.02)
    twins = benchmark([item(name, "Which one?") for name in ("a", "b", "c")])
    shared = await run(twins, engine)
    first = await shared.execute()
    assert (len(engine.asked), shared.reused, ledger.count()) == (1, 2, (1, 0, 0))
    assert bytes_of(await (await run(twins, engine)).execute()) == bytes_of(first)


async def test_a_clip_that_items_share_is_captioned_once(run, clips):
    describer = Describer()
    result = await (await run(clips, Backbone(), describer)).execute()
    assert len(describer.heard) == len(set(describer.heard)) == 3
    assert [each.caption for each in result.items] == [f"A sound of {s} s." for s in ("1.00", "1.50", "2.00", "2.00")]


async def test_captions_serve_every_backbone(run, clips, ledger):
    describer, one, two = Describer(), Backbone("one"), Backbone("two")
    await (await run(clips, one, describer)).execute()
    result = await (await run(clips, two, describer)).execute()
    assert (len(describer.heard), len(one.asked), len(two.asked)) == (3, 4, 4)
    assert (result.backbone, ledger.count()) == ("two", (8, 3, 0))


async def test_a_ledger_that_fails_ends_the_run_with_its_own_error(run, tmp_path):
    asks = await run(QUESTIONS, Backbone())
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute("DROP TABLE answers")
        file.execute("DROP TABLE failures")
    with pytest.raises(NotReady, match="no such table"):
        await asks.execute()


ITEM = item("1")
ASKER = TextAsker(client=None, identity=identity("echo"), template=WORDING, sampling=SAMPLING)


def key(
    one=ITEM, *, wording: PromptTemplate = WORDING, sampling=SAMPLING, backbone="echo", sha256="", caption="", sample=0
) -> str:
    setting = "cascade" if caption else "text"
    question = Question(turns=wording.render(one, setting, caption), audio_sha256=sha256)
    return answer_key(one, question, replace(ASKER, identity=identity(backbone), setting=setting), sampling, sample)


@pytest.mark.parametrize(
    "changed",
    [
        {"one": replace(ITEM, question="What sounds like 2?")},
        {"one": replace(ITEM, choices=("A bell", "A dog"))},
        {"one": replace(ITEM, choices=("A dog", "A bell", "A kettle"))},
        {"wording": replace(WORDING, system=f"{WORDING.system} ")},
        {"wording": replace(WORDING, text=f"{WORDING.text}!")},
        {"sampling": replace(SAMPLING, max_tokens=9)},
        {"sampling": replace(SAMPLING, temperature=0.5)},
        {"sampling": replace(SAMPLING, top_p=0.5)},
        {"sampling": replace(SAMPLING, seed=1)},
        {"sampling": replace(SAMPLING, stop=("\n",))},
        {"backbone": "another"},
        {"sha256": "ab" * 32},
        {"sha256": "cd" * 32},
        {"caption": "A bell rings."},
        {"caption": "A dog barks."},
        {"sample": 1},
    ],
    ids=str,
)
def test_whatever_can_change_the_answer_changes_the_key(changed):
    assert key(**changed) != key()


def test_keys_of_different_questions_differ_among_each_other():
    captions = [key(caption="A bell rings."), key(caption="A dog barks.")]
    sounds = [key(sha256="ab" * 32), key(sha256="cd" * 32)]
    assert len({*captions, *sounds, key(caption="A bell rings.", sha256="ab" * 32)}) == 5


def test_what_cannot_change_the_answer_leaves_the_key():
    renamed = replace(ITEM, id="another", groups={"task": "sound"}, answer="A dog")
    assert key(renamed) == key(ITEM)
    assert key(wording=replace(WORDING, name="renamed@2", note="?", audio="?")) == key()
