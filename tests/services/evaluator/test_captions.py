import asyncio
from contextlib import closing

import pytest

from earwitness.errors import EarwitnessError
from earwitness.fanout import Retries
from services.evaluator.captions import CaptionStore
from services.evaluator.clips import ClipStore, StoredClip
from services.evaluator.ledger import Ledger
from services.evaluator.prompts import PLAIN, CaptionPrompt, caption_prompt
from services.evaluator.service import Service
from tests import sounds
from tests.services.evaluator.conftest import Describer, item

ITEM = item("bell")
BLIND = CaptionPrompt(name="blind", note="", text="Be brief.")
AWARE = CaptionPrompt(name="aware", note="", text="Listen for this: {question}")
QUICK = Retries(attempts=3, first_wait_s=0.001)


@pytest.fixture
def two(tmp_path) -> list[StoredClip]:
    """Two clips in a store."""
    clips = ClipStore(folder=tmp_path / "clips")
    for name, seconds in (("one.wav", 1.0), ("two.wav", 2.0)):
        (tmp_path / name).write_bytes(sounds.encode(sounds.tone(440, seconds), format="WAV"))
    return [clips.find(tmp_path / name) for name in ("one.wav", "two.wav")]


@pytest.fixture
def store(house, ledger):
    async def make(engine: Describer, prompt: CaptionPrompt | None = None, into: Ledger = ledger) -> CaptionStore:
        client = await house.client(engine)
        service = Service(client=client, identity=await client.identity(), retries=QUICK)
        return CaptionStore(service=service, ledger=into, prompt=prompt or caption_prompt(PLAIN))

    return make


async def test_a_clip_is_captioned_once_however_many_ask_at_once(store, ledger, two):
    engine = Describer()
    captions = await store(engine)
    told = await asyncio.gather(*[captions(clip, ITEM) for clip in two * 10])
    assert told == ["A sound of 1.00 s.", "A sound of 2.00 s."] * 10
    assert sorted(engine.heard) == sorted(clip.sha256 for clip in two)
    assert (captions.asked, ledger.count()) == (2, (0, 2, 0))


async def test_a_caption_of_an_earlier_run_is_not_paid_for_again(store, two):
    engine = Describer()
    await (await store(engine))(two[0], ITEM)
    later = await store(engine)
    assert await later(two[0], ITEM) == "A sound of 1.00 s."
    assert (later.asked, len(engine.heard)) == (0, 1)


async def test_another_captioner_and_another_prompt_caption_for_themselves(store, two):
    one, another = Describer("one"), Describer("another")
    for captions in (await store(one), await store(another), await store(one, BLIND)):
        await captions(two[0], ITEM)
    assert (len(one.heard), len(another.heard)) == (2, 1)


async def test_a_key_depends_on_the_clip_the_captioner_and_the_prompt(store, two):
    stores = [await store(Describer("one")), await store(Describer("two")), await store(Describer("one"), BLIND)]
    keys = [captions.key(clip.sha256, captions.prompt.render(ITEM)) for captions in stores for clip in two]
    assert len(set(keys)) == len(keys)


async def test_a_captioner_that_recovers_is_asked_again(store, two):
    captions = await store(Describer(failures=QUICK.attempts - 1))
    assert await captions(two[0], ITEM) == "A sound of 1.00 s."


async def test_a_caption_that_failed_for_good_may_succeed_later(store, ledger, two):
    engine = Describer(failures=100)
    captions = await store(engine)
    results = await asyncio.gather(captions(two[0], ITEM), captions(two[0], ITEM), return_exceptions=True)
    assert all(isinstance(result, EarwitnessError) for result in results)
    assert engine.failures == 100 - QUICK.attempts
    engine.failures = 0
    assert await captions(two[0], ITEM) == "A sound of 1.00 s."
    assert ledger.count() == (0, 1, 0)


async def test_a_captioner_that_sees_the_question_captions_for_each_question(store, two):
    engine = Describer()
    captions = await store(engine, AWARE)
    for question in ("What rings?", "Who rings?", "What rings?"):
        await captions(two[0], item("bell", question))
    assert (captions.asked, len(engine.heard)) == (2, 2)


async def test_two_evaluators_pay_for_a_caption_once(store, two, tmp_path):
    engines = [Describer(), Describer()]
    with closing(Ledger.at(tmp_path / "ledger.sqlite")) as other:
        stores = [await store(engines[0]), await store(engines[1], into=other)]
        told = await asyncio.gather(*[captions(clip, ITEM) for captions in stores for clip in two * 5])
    assert len(told) == 20
    assert sum(len(engine.heard) for engine in engines) == 2


async def test_what_a_caption_cost_is_told(store, two):
    told: list[tuple[float, int]] = []
    captions = await store(Describer(failures=1))
    captions.on_asked = lambda audio_s, retries: told.append((audio_s, retries))
    for _ in range(2):
        await captions(two[1], ITEM)
    assert told == [(2.0, 1)]
