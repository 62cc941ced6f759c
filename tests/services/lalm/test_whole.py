"""A small Qwen2-Audio, served whole by vLLM, beside transformers on the same weights, in float32."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import torch
import transformers

from earwitness import audio
from earwitness.desta.splice import MARK, Message
from earwitness.engines.options import VllmOptions
from earwitness.errors import InvalidInput
from earwitness.sampling import Sampling
from services.captioner.asked import VllmCaptioner
from services.captioner.config import CaptionerConfig
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn
from services.lalm.whole import VllmListenEngine
from tests import sounds
from tests.services.lalm import tiny

pytestmark = [pytest.mark.models, pytest.mark.catalogue, pytest.mark.asyncio(loop_scope="module")]

CHOICES = ["A", "B", "A dog", "A door"]
ONE = [Message(role="user", content=f"{MARK}What do you hear?", audios=("clip",))]
TWO = [Message(role="user", content=f"{MARK} and {MARK}?", audios=("one", "other"))]
CLIPS = [
    ClipIn(clip=audio.from_samples(samples), transcript="hello")
    for samples in (sounds.noise(2), sounds.tone(440, 3.0), sounds.sweep(200, 2000, 1.0))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return tiny.qwen2_audio(tmp_path_factory.mktemp("whole") / "qwen2-audio")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(folder: Path) -> AsyncIterator[VllmListenEngine]:
    options = VllmOptions(max_model_len=2048, max_num_seqs=8)
    opened = VllmListenEngine(LalmConfig(engine="vllm", model=str(folder), vllm=options))
    yield opened
    opened.stop()


def reference(folder: Path, engine: VllmListenEngine, clip: ClipIn) -> list[float]:
    """What transformers makes of the options after the first question."""
    processor: Any = transformers.AutoProcessor.from_pretrained(folder)
    model: Any = transformers.Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    parts = [{"type": "audio", "audio": ""}, {"type": "text", "text": "What do you hear?"}]
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True
    )
    found: list[float] = []
    for choice in CHOICES:
        inputs = processor(text=text + choice, audio=[clip.clip.samples], sampling_rate=16_000, return_tensors="pt")
        num_tokens = len(engine._chat.encode_answer(choice))
        with torch.inference_mode():
            likely = model.eval()(**inputs).logits[0, -num_tokens - 1 : -1].log_softmax(-1)
        answer = inputs["input_ids"][0, -num_tokens:]
        found.append(likely[torch.arange(num_tokens), answer].sum().item())
    return found


async def test_options_have_the_log_probabilities_of_transformers(folder: Path, engine: VllmListenEngine) -> None:
    for clip in CLIPS:
        scores, transcripts = await engine.score(ONE, [clip], CHOICES)
        assert [logprob for logprob, _ in scores] == pytest.approx(reference(folder, engine, clip), abs=1e-3)
        assert transcripts == ["hello"]


async def test_an_answer_depends_on_the_clip_and_on_the_order_of_clips(engine: VllmListenEngine) -> None:
    one, other, _ = CLIPS
    scored = await asyncio.gather(
        engine.score(ONE, [one], CHOICES), engine.score(ONE, [other], CHOICES),
        engine.score(TWO, [one, other], CHOICES), engine.score(TWO, [other, one], CHOICES),
    )  # fmt: skip
    assert len({tuple(scores) for scores, _ in scored}) == 4


async def test_an_answer_is_generated_and_its_sounds_count_as_tokens(engine: VllmListenEngine) -> None:
    generation, _ = await engine.listen(ONE, CLIPS[:1], Sampling(max_tokens=6), thinking=False)
    silent = [Message(role="user", content="What do you hear?")]
    text_alone, _ = await engine.listen(silent, [], Sampling(max_tokens=6), thinking=False)
    assert generation.completion_tokens > 0
    assert generation.prompt_tokens > text_alone.prompt_tokens + 20


async def test_a_prompt_beyond_the_context_is_refused(engine: VllmListenEngine) -> None:
    long = [Message(role="user", content=f"{MARK}{'a b ' * 2000}", audios=("clip",))]
    with pytest.raises(InvalidInput):
        await engine.listen(long, CLIPS[:1], Sampling(max_tokens=1), thinking=False)
    nearly = [Message(role="user", content=MARK * 8 + "a " * 900, audios=("clip",) * 8)]
    thirty = ClipIn(clip=audio.from_samples(sounds.noise(30)))
    with pytest.raises(InvalidInput):  # known only once the sounds are in place
        await engine.listen(nearly, [thirty] * 8, Sampling(max_tokens=1), thinking=False)


async def test_a_clip_of_a_request_that_was_refused_is_heard_when_it_comes_again(engine: VllmListenEngine) -> None:
    clip = ClipIn(clip=audio.from_samples(sounds.noise(5, seed=7)))
    long = [Message(role="user", content=f"{MARK}{'a ' * 1900}", audios=("clip",))]
    with pytest.raises(InvalidInput):
        await engine.listen(long, [clip], Sampling(max_tokens=1), thinking=False)
    answer, _ = await engine.listen(ONE, [clip], Sampling(max_tokens=3), thinking=False)
    assert answer.completion_tokens
    scores, _ = await engine.score(ONE, [clip], CHOICES)
    assert all(logprob < 0 for logprob, _ in scores)


async def test_a_captioner_asks_the_same_model_part_by_part(engine: VllmListenEngine, folder: Path) -> None:
    captioner = object.__new__(VllmCaptioner)  # around the engine that is loaded already
    captioner._config = CaptionerConfig(engine="vllm", model=str(folder))
    captioner._chat, captioner._engine, captioner._sampling = engine._chat, engine._engine, Sampling(max_tokens=4)
    long = audio.from_samples(sounds.join(sounds.noise(30), sounds.tone(440, 10)))
    caption = await captioner.describe(long, "Describe it.")
    first, second = long.chunks(30)
    texts = [(await captioner.describe(part, "Describe it.")).text for part in (first, second)]
    assert caption.text == f"0-30 s: {texts[0]}\n30-40 s: {texts[1]}"
    assert all(texts)
