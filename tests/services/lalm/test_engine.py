"""The served LALM beside plain transformers on the same checkpoint, on real clips, in float32."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from earwitness import audio
from earwitness.clients import LalmClient, SpokenTurn
from earwitness.conversation import Turn
from earwitness.desta.splice import MARK, Message, Splicer
from earwitness.engines.options import VllmOptions
from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from services.evaluator import benchmarks
from services.lalm.config import LalmConfig
from services.lalm.desta import DestaEngine
from services.lalm.engine import ClipIn
from services.lalm.servicer import LalmServicer
from tests.checkpoints import SETTINGS, untrained
from tests.serving import serving

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

NUM_CLIPS = 12
TOKENS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, whisper_folder: Path, smollm2_folder: Path) -> Path:
    return untrained(tmp_path_factory.mktemp("lalm") / "checkpoint", whisper_folder, smollm2_folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(folder: Path) -> AsyncIterator[DestaEngine]:
    opened = DestaEngine(LalmConfig(checkpoint=folder, vllm=VllmOptions(max_model_len=1024)))
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def clips() -> list[audio.Clip]:
    items = benchmarks.load("mini-mmau").items[:: 60 // NUM_CLIPS][:NUM_CLIPS]
    return [audio.read(item.audio) for item in items if item.audio]


def question(number: int) -> list[Message]:
    return [Message(role="user", content=f"{MARK}\nWhat do you hear in clip {number}?", audios=("clip",))]


async def test_the_served_answer_is_that_of_transformers(
    engine: DestaEngine, folder: Path, whisper_folder: Path, smollm2_folder: Path, clips: list[audio.Clip]
) -> None:
    from transformers import AutoConfig, AutoTokenizer

    from earwitness.desta import checkpoint
    from earwitness.desta.model import DestaModel

    sampling = Sampling(max_tokens=TOKENS)
    served = await asyncio.gather(
        *[
            engine.listen(question(number), [ClipIn(clip=clip)], sampling, thinking=False)
            for number, clip in enumerate(clips)
        ]
    )
    local = replace(SETTINGS, encoder=str(whisper_folder), llm=str(smollm2_folder))
    connector = checkpoint.load(folder, AutoConfig.from_pretrained(whisper_folder), 576)[0]
    reference = DestaModel.load(local, connector).eval()
    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    splicer = Splicer(tokenizer, local)
    assert len(clips) >= 10
    for number, (clip, (answer, transcripts)) in enumerate(zip(clips, served, strict=True)):
        prompt = splicer.splice(question(number), transcripts)
        taps = reference.perception.hear([clip.samples])
        ids = reference.generate([prompt], taps, eos=tokenizer.eos_token_id, max_new_tokens=TOKENS)[0]
        assert answer.text == tokenizer.decode(ids, skip_special_tokens=True)
        assert answer.prompt_tokens == len(prompt.ids)


async def test_a_clip_is_heard_alike_alone_and_among_others(engine: DestaEngine, clips: list[audio.Clip]) -> None:
    heard = [ClipIn(clip=clip, transcript="") for clip in clips[:4]]
    for alone, (among, _) in zip(heard, engine._hear(heard), strict=True):
        assert engine._hear([alone])[0][0].equal(among)


async def test_different_clips_are_heard_differently(engine: DestaEngine, clips: list[audio.Clip]) -> None:
    heard = await asyncio.gather(*[engine._heard.submit(ClipIn(clip=clip, transcript="")) for clip in clips[:2]])
    assert not heard[0][0].equal(heard[1][0])


async def test_a_given_transcript_is_taken_and_silence_is_not_transcribed(
    engine: DestaEngine, clips: list[audio.Clip]
) -> None:
    sampling, messages = Sampling(max_tokens=1), question(0)
    _, given = await engine.listen(messages, [ClipIn(clip=clips[0], transcript="hello")], sampling, thinking=False)
    assert given == ["hello"]
    import numpy as np

    silence = audio.from_samples(np.zeros(16_000, np.float32))
    _, none = await engine.listen(messages, [ClipIn(clip=silence)], sampling, thinking=False)
    assert none == [""]


async def test_the_identity_holds_the_connector(engine: DestaEngine, folder: Path) -> None:
    from earwitness.desta import checkpoint

    assert engine.identity.model == "smollm2-135m-instruct"
    assert "desta" in engine.identity.engine
    assert checkpoint.read_card(folder).fingerprint


async def test_options_have_the_log_probabilities_of_transformers(
    engine: DestaEngine, folder: Path, whisper_folder: Path, smollm2_folder: Path, clips: list[audio.Clip]
) -> None:
    import torch
    from transformers import AutoConfig, AutoTokenizer

    from earwitness.desta import checkpoint
    from earwitness.desta.model import DestaModel, lay_out

    choices = ["A", "B", "A dog barks.", "A dog barks loudly.", " Piano"]
    local = replace(SETTINGS, encoder=str(whisper_folder), llm=str(smollm2_folder))
    connector = checkpoint.load(folder, AutoConfig.from_pretrained(whisper_folder), 576)[0]
    reference = DestaModel.load(local, connector).eval()
    splicer = Splicer(AutoTokenizer.from_pretrained(smollm2_folder), local)
    for number, clip in enumerate(clips[:4]):
        scores, transcripts = await engine.score(question(number), [ClipIn(clip=clip)], choices)
        prompt = splicer.splice(question(number), transcripts)
        for choice, (logprob, num_tokens) in zip(choices, scores, strict=True):
            answer = splicer.answer_ids(choice)
            with torch.inference_mode():
                embeddings = reference.embed(lay_out([prompt], [answer]), reference.perception.hear([clip.samples]))
                logits = reference.llm(inputs_embeds=embeddings).logits[0, len(prompt.ids) - 1 : -1].log_softmax(-1)
            expected = logits[torch.arange(len(answer)), torch.tensor(answer)].sum().item()
            assert num_tokens == len(answer)
            assert logprob == pytest.approx(expected, abs=1e-3)


async def test_several_clips_are_heard_in_one_message_each_in_its_place(
    engine: DestaEngine, clips: list[audio.Clip]
) -> None:
    both = [Message(role="user", content=f"{MARK} and {MARK}: which is louder?", audios=("one", "other"))]
    one, other = ClipIn(clip=clips[0], transcript=""), ClipIn(clip=clips[1], transcript="")
    first, _ = await engine.score(both, [one, other], ["A", "B"])
    swapped, _ = await engine.score(both, [other, one], ["A", "B"])
    assert first != swapped


async def test_a_prompt_beyond_the_context_is_refused_before_it_is_embedded(
    engine: DestaEngine, clips: list[audio.Clip]
) -> None:
    long = [Message(role="user", content=f"{MARK} {'word ' * 2000}", audios=("clip",))]
    with pytest.raises(InvalidInput, match="leave no room in a context of 1024"):
        await engine.listen(long, [ClipIn(clip=clips[0], transcript="")], Sampling(max_tokens=1), thinking=False)


async def test_health_answers_while_clips_are_encoded(engine: DestaEngine) -> None:
    import time

    from tests import sounds

    servicer = LalmServicer(LalmConfig(checkpoint=Path("loaded")), engine)
    clip = sounds.encode(sounds.noise(30))
    turn = SpokenTurn(turn=Turn(role="user", content="What is it?"), clips=(clip,) * 8, transcripts=("",) * 8)
    async with serving(servicer, LalmClient) as client:
        await client.ready(60)
        calls = [asyncio.create_task(client.listen([turn], Sampling(max_tokens=1))) for _ in range(4)]
        waits: list[float] = []
        while not all(call.done() for call in calls):
            start = time.perf_counter()
            await client.ready(5)
            waits.append(time.perf_counter() - start)
            await asyncio.sleep(0.02)
        await asyncio.gather(*calls)
    assert len(waits) > 10
    assert sorted(waits)[int(0.9 * len(waits))] < 0.2  # the rest is the machine's, where others use it
