"""Tiny models of the real architectures, a corpus of noises, and targets about it."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from earwitness import server
from earwitness.conversation import Turn
from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector
from earwitness.desta.model import DestaModel, Perception
from earwitness.sampling import Generation
from services.llm.config import LlmConfig
from services.llm.engine import EchoTextEngine
from services.llm.servicer import LlmServicer
from services.trainer.config import TrainConfig
from services.trainer.examples import Data, examples_from
from services.trainer.manifest import Sample, Split
from services.trainer.rows import SYSTEM, Row, RowAudio, RowMessage
from tests.earwitness.desta.conftest import (
    LLM_WIDTH,
    encoder,
    make_llm,
    noise,
    one_thread,
    splicer,
    tokenizer,
)
from tests.earwitness.desta.conftest import whisper as patient_whisper

__all__ = ["encoder", "one_thread", "patient_whisper", "splicer", "tokenizer"]

WORDS = ("A dog barks.", "A bell.", "Nobody speaks.", "Hello there.", "It rains.", "A door.", "A tone.", "Two cats.")


def row(number: int, clips: int = 1) -> Row:
    """Row `number` of a corpus, with its first clip of that number."""
    audios = tuple(RowAudio(audio=f"{number + at}.wav", text="hello" if number % 2 else " ") for at in range(clips))
    user = RowMessage(role="user", content=f"{'<|AUDIO|>' * clips}\n\nWhat do you hear?", audios=audios)
    return Row(
        id=f"{number}-0",
        dataset="noises",
        seed_description="[00:00-00:01] (noise)",
        prompt="What do you hear?",
        response=WORDS[number % len(WORDS)],
        messages=(RowMessage(role="system", content=SYSTEM), user),
    )


@pytest.fixture(scope="session")
def whisper(patient_whisper):
    """Hears 2 s where Whisper hears 30: a step takes a fifteenth of the time."""
    torch.manual_seed(0)
    sizes = {**patient_whisper.config.to_dict(), "max_source_positions": 100}
    return WhisperForConditionalGeneration(WhisperConfig(**sizes)).eval()


@pytest.fixture(scope="session")
def whisper_folder(whisper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whisper")
    whisper.save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=2).save_pretrained(folder)
    return folder


@pytest.fixture
def config(whisper_folder):
    return DestaConfig(
        encoder=str(whisper_folder), llm="tiny", num_queries=8, qformer_layers=2, intermediate_width=40, dropout=0.0
    )


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A folder with clips `0.wav` to `9.wav`, each of another noise."""
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(10):
        samples = noise(1, seed=number) * np.float32(0.2 + number)
        soundfile.write(folder / f"{number}.wav", np.clip(samples, -1, 1), 16_000, subtype="PCM_16")
    return folder


@pytest.fixture
def data(corpus, splicer):
    """Eight examples to learn from, and two to measure on."""
    return Data(
        train=examples_from([row(number) for number in range(8)], corpus, splicer),
        held_out=examples_from([row(8), row(9)], corpus, splicer),
    )


@pytest.fixture
def model(config, encoder):
    """Makes the same untrained model each time, with dropout."""

    def make() -> DestaModel:
        torch.manual_seed(2)
        connector = Connector(replace(config, dropout=0.1), encoder.encoder.config, LLM_WIDTH)
        return DestaModel(Perception(encoder, connector, torch.float32), make_llm("llama"))

    return make


def settings(**changed) -> TrainConfig:
    """A short run."""
    usual = {
        "llm": "tiny",
        "encoder": "tiny",
        "qformer_layers": 2,
        "dtype": "float32",
        "batch_size": 4,
        "steps": 9,
        "warmup_steps": 2,
        "learning_rate": 2e-3,
        "save_every": 3,
        "held_out_every": 4,
    }
    return TrainConfig(**{**usual, **changed})


class Teacher(EchoTextEngine):
    """Says of everything that it hears another sound, by what it was told and the seed; remembers what it was asked."""

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(LlmConfig(engine="echo", echo_delay_s=delay_s))
        self.asked: list[tuple[Turn, ...]] = []
        self.cut: tuple[str, ...] = ()
        """Answers are cut at the limit where the description holds one of these and the limit is below 100."""
        self.silent: tuple[str, ...] = ()
        """Answers are blank where the description holds one of these."""
        self.says: dict[str, str] = {}
        """What is answered where the description holds a key of these."""

    async def generate(self, turns, sampling, *, thinking) -> Generation:
        generation = await super().generate(turns, sampling, thinking=thinking)
        told = turns[-1].content
        if told == "Hello":  # the first health check's
            return generation
        self.asked.append(tuple(turns))
        if any(text in told for text in self.silent):
            return replace(generation, text=" \n")
        if sampling.max_tokens < 100 and any(text in told for text in self.cut):
            return replace(generation, finish_reason="length")
        said = next((answer for text, answer in self.says.items() if text in told), heard(told, sampling.seed))
        return replace(generation, text=f" {said}\n")


def heard(told: str, seed: int) -> str:
    """What a teacher answers."""
    return f"I hear sound number {zlib.crc32(told.encode())} of {seed}."


@pytest.fixture
async def teacher():
    """A teacher on a server of its own, and the server's address."""
    engine = Teacher()
    started, port = await server.start(LlmServicer(LlmConfig(engine="echo"), engine))
    yield engine, f"127.0.0.1:{port}"
    await started.stop(None)


def sample(number: int, split: Split = "train", transcript: str = "") -> Sample:
    """A described clip of the corpus."""
    return Sample(
        id=f"{number:03d}",
        audio=f"{number}.wav",
        transcript=transcript,
        description=f"[00:00-00:01] {transcript} (Sound: noise {number})"
        if transcript
        else f"[00:00-00:01] ({number})",
        kind="speech" if transcript else "sound",
        split=split,
        seconds=1.0,
        sha256="0" * 64,
    )
