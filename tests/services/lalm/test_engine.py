"""The served LALM beside plain transformers on the same checkpoint, on real clips, in float32."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from earwitness import audio
from earwitness.desta.splice import MARK, Message, Splicer
from earwitness.engines.options import VllmOptions
from earwitness.sampling import Sampling
from services.evaluator import benchmarks
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, DestaEngine
from tests.checkpoints import SETTINGS, untrained

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
    connector = checkpoint.load_connector(folder, AutoConfig.from_pretrained(whisper_folder), 576)
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
