import asyncio

import pytest

from earwitness import audio
from earwitness.errors import EarwitnessError
from earwitness.fanout import Retries
from services.evaluator.captions import CaptionStore
from tests import sounds
from tests.services.evaluator.conftest import Describer

CLIP = audio.from_samples(sounds.tone(440, 1.0))
OTHER = audio.from_samples(sounds.tone(440, 2.0))
QUICK = Retries(attempts=3, first_wait_s=0.001)


@pytest.fixture
def store(house, ledger):
    async def make(engine: Describer, prompt: str = "") -> CaptionStore:
        client = await house.client(engine)
        return CaptionStore(
            client=client, identity=await client.identity(), ledger=ledger, prompt=prompt, retries=QUICK
        )

    return make


async def test_a_clip_is_captioned_once_however_many_ask_at_once(store, ledger):
    engine = Describer()
    captions = await store(engine)
    told = await asyncio.gather(*[captions(clip) for clip in [CLIP, OTHER] * 10])
    assert told == ["A sound of 1.00 s.", "A sound of 2.00 s."] * 10
    assert sorted(engine.heard) == sorted([CLIP.sha256, OTHER.sha256])
    assert (captions.asked, ledger.count()) == (2, (0, 2, 0))


async def test_a_caption_of_an_earlier_run_is_not_paid_for_again(store):
    engine = Describer()
    await (await store(engine))(CLIP)
    later = await store(engine)
    assert await later(CLIP) == "A sound of 1.00 s."
    assert (later.asked, len(engine.heard)) == (0, 1)


async def test_another_captioner_and_another_prompt_caption_for_themselves(store):
    one, two = Describer("one"), Describer("two")
    for captions in (await store(one), await store(two), await store(one, "Be brief.")):
        await captions(CLIP)
    assert (len(one.heard), len(two.heard)) == (2, 1)


async def test_a_key_depends_on_the_clip_the_captioner_and_the_prompt(store):
    stores = [await store(Describer("one")), await store(Describer("two")), await store(Describer("one"), "Be brief.")]
    keys = [captions.key(clip.sha256) for captions in stores for clip in (CLIP, OTHER)]
    assert len(set(keys)) == len(keys)


async def test_a_captioner_that_recovers_is_asked_again(store):
    captions = await store(Describer(failures=QUICK.attempts - 1))
    assert await captions(CLIP) == "A sound of 1.00 s."


async def test_a_caption_that_failed_for_good_may_succeed_later(store, ledger):
    engine = Describer(failures=100)
    captions = await store(engine)
    results = await asyncio.gather(captions(CLIP), captions(CLIP), return_exceptions=True)
    assert all(isinstance(result, EarwitnessError) for result in results)
    assert engine.failures == 100 - QUICK.attempts
    engine.failures = 0
    assert await captions(CLIP) == "A sound of 1.00 s."
    assert ledger.count() == (0, 1, 0)
