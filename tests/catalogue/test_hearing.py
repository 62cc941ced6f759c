"""Each audio architecture of the catalogue, tiny and random, in its service's engine on a CPU, beside transformers.

What does not serve is expected to fail, for the reason stated and no other: the day it serves, the test says so.
"""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from earwitness.audio import Clip, from_samples
from earwitness.chat import ChatTemplate
from earwitness.conversation import Turn
from earwitness.desta.splice import MARK, Message
from earwitness.engines.options import VllmOptions
from earwitness.errors import EngineFailure, InvalidInput
from earwitness.sampling import Sampling
from services.captioner.config import CaptionerConfig
from services.captioner.engine import WhisperEngine
from services.lalm.config import LalmConfig
from services.lalm.engine import ClipIn, open_engine
from tests.catalogue import hearing

pytestmark = pytest.mark.catalogue

TOKENS = 16
QUESTION = "What do you hear?"
OPTIONS = VllmOptions(max_model_len=hearing.CONTEXT, max_num_seqs=4)
NO_TORCHVISION = find_spec("torchvision") is None
OMNIS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "Qwen2.5-Omni": (hearing.omni, "qwen2_5_omni_thinker"),
    "Omni-captioner": (hearing.omni_moe, "qwen3_omni_moe_thinker"),
}


def generated(model: Any, prompt: Any, tokenizer: Any) -> str:
    """Returns transformers' greedy text after a prompt."""
    ids = model.generate(**prompt, max_new_tokens=TOKENS, do_sample=False)
    return tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Serves a model, and yields what asks it about clips."""
    engine = open_engine(LalmConfig(engine="vllm", model=str(folder), vllm=OPTIONS))

    async def listen(*clips: Clip) -> str:
        message = Message(role="user", content=MARK * len(clips) + QUESTION, audios=("clip",) * len(clips))
        heard = [ClipIn(clip=clip) for clip in clips]
        answer, _ = await engine.listen([message], heard, Sampling(max_tokens=TOKENS), thinking=False)
        return answer.text

    try:
        yield listen
    finally:
        engine.stop()


async def test_audio_flamingo_answers_about_clips_as_in_transformers(
    tmp_path: Path, speech_clip: tuple[Clip, str]
) -> None:
    from transformers import AudioFlamingo3Processor

    model = hearing.audio_flamingo(tmp_path)
    processor: Any = AudioFlamingo3Processor.from_pretrained(tmp_path)
    content = [{"type": "audio", "audio": ""}, {"type": "text", "text": QUESTION}]
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    clips = [speech_clip[0], from_samples(speech_clip[0].samples[::-1])]
    async with serving(tmp_path) as listen:
        answers = [await listen(clip) for clip in clips]
    for clip, answer in zip(clips, answers, strict=True):
        prompt = processor(text=[text], audio=[clip.samples], return_tensors="pt")
        assert answer == generated(model, prompt, processor.tokenizer) != ""
    assert answers[0] != answers[1]


@pytest.mark.parametrize("name", OMNIS)
@pytest.mark.xfail(
    NO_TORCHVISION,
    strict=True,
    raises=EngineFailure,
    reason="vLLM's module of the architecture imports transformers' processor of videos, which imports torchvision, "
    "and that has no build beside a CPU torch on the package index",
)
async def test_an_omni_model_answers_about_a_clip(name: str, tmp_path: Path, speech_clip: tuple[Clip, str]) -> None:
    build, _ = OMNIS[name]
    build(tmp_path)
    async with serving(tmp_path) as listen:
        assert await listen(speech_clip[0])


@pytest.mark.skipif(not NO_TORCHVISION, reason="torchvision is installed")
@pytest.mark.parametrize("name", OMNIS)
def test_torchvision_is_all_that_an_omni_model_lacks(name: str) -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module(f"vllm.model_executor.models.{OMNIS[name][1]}")
    assert caught.value.name == "torchvision"


async def test_phi_multimodal_reads_as_in_transformers_and_is_deaf(
    tmp_path: Path, speech_clip: tuple[Clip, str]
) -> None:
    """vLLM hears with its own Phi4MMForCausalLM alone, whose configuration and processor are code in the published
    checkpoint. transformers' own class it runs by its generic backend, without ears.
    """
    import torch

    model = hearing.phi_multimodal(tmp_path)
    async with serving(tmp_path) as listen:
        answer = await listen()
        with pytest.raises(InvalidInput, match="takes text alone"):
            await listen(speech_clip[0])
    chat = ChatTemplate(tmp_path)
    ids = torch.tensor([chat.encode([Turn(role="user", content=QUESTION)])])
    expected = generated(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, chat.tokenizer)
    assert answer == expected != ""


def test_whisper_writes_what_it_writes_in_transformers(tmp_path: Path, speech_clip: tuple[Clip, str]) -> None:
    from transformers import AutoTokenizer, WhisperFeatureExtractor

    model = hearing.whisper(tmp_path)
    clip, _ = speech_clip
    features = WhisperFeatureExtractor.from_pretrained(tmp_path)(
        clip.samples, sampling_rate=16_000, return_tensors="pt"
    )
    ids = model.generate(features.input_features, max_new_tokens=TOKENS, do_sample=False)
    expected: Any = AutoTokenizer.from_pretrained(tmp_path).decode(ids[0], skip_special_tokens=True)
    (caption,) = WhisperEngine(CaptionerConfig(engine="whisper", whisper=str(tmp_path))).caption([clip])
    assert expected.strip()
    assert caption.text.startswith(expected.strip())
