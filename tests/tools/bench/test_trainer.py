import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from earwitness.desta.connector import Connector
from earwitness.desta.model import DestaModel, Perception
from earwitness.desta.splice import Message
from services.trainer.examples import Example
from tests.earwitness.desta.conftest import (  # noqa: F401 (fixtures)
    LLM_WIDTH,
    config,
    encoder,
    make_llm,
    noise,
    splicer,
    tokenizer,
    whisper,
    whisper_folder,
)
from tools.bench.trainer_page import Lap, ratio
from tools.bench.trainer_plain import ECONOMIES, OURS, PLAIN, loops
from tools.bench.trainer_profile import reckon
from tools.bench.trainer_voices import QUESTIONS, SENTENCES, speak

CLIPS = [noise(1), noise(2, seed=1)]
ASKED = [("What do you hear?", "A dog.", 0), ("Hello?", "The door.", 1), ("What barks at the door?", "A dog barks.", 0)]


@pytest.fixture
def stage(config, encoder, splicer, tmp_path, monkeypatch):  # noqa: F811
    """A model without dropout, and rows about two clips."""
    quiet = replace(config, dropout=0.0, intermediate_width=3072)
    torch.manual_seed(0)
    connector = Connector(quiet, encoder.encoder.config, LLM_WIDTH)
    model = DestaModel(Perception(encoder, connector, torch.float32), make_llm("llama"))
    paths = [tmp_path / f"{number}.wav" for number in range(2)]
    import soundfile

    for path, clip in zip(paths, CLIPS, strict=True):
        soundfile.write(path, clip, 16_000, subtype="FLOAT")
    rows = [
        Example(
            prompt=splicer.splice([Message(role="user", content=f"<|AUDIO|>\n{text}", audios=("a",))], ["hello"]),
            target=splicer.target_ids(answer),
            clips=(paths[clip],),
        )
        for text, answer, clip in ASKED
    ]
    from earwitness import audio

    taps = {path: model.perception.hear([audio.read(path).samples])[0] for path in paths}
    return model, quiet, rows, taps


def test_every_economy_leaves_the_losses_as_they_are(stage):
    model, quiet, rows, taps = stage
    contestants = loops(model, quiet, taps)
    assert [loop.name for loop in contestants] == [PLAIN, *(f"+ {name}" for name in ECONOMIES), OURS]
    curves = {loop.name: [loop.step(rows) for _ in range(3)] for loop in contestants}
    for curve in curves.values():
        assert curve == pytest.approx(curves[PLAIN], abs=1e-4)
    assert curves[PLAIN][2] != curves[PLAIN][0]


def test_a_ratio_is_taken_batch_by_batch():
    def lap(name, number, seconds):
        return Lap(name=name, number=number, wall_s=seconds, cpu_s=seconds, rows=1, loss=0.0)

    laps = [lap(PLAIN, 0, 6.0), lap(OURS, 0, 2.0), lap(PLAIN, 1, 30.0), lap(OURS, 1, 10.0)]
    assert ratio(laps, OURS, "cpu_s") == pytest.approx((3.0, 3.0, 3.0))
    middle, low, high = ratio([*laps, lap(PLAIN, 2, 2.0), lap(OURS, 2, 1.0)], OURS, "wall_s")
    assert low < middle < high and middle == pytest.approx(math.cbrt(18))


def test_a_step_of_the_paper_s_size_is_mostly_the_llm():
    found = reckon()
    first, *others = found.parts.values()
    # Qwen3-8B has 6.95 billion weights in its layers.
    assert first == pytest.approx(12 * 240 * 4 * 6.946e9, rel=1e-3)
    assert first > 2 * sum(others)


def test_voices_differ_in_their_words_and_every_answer_is_an_option():
    learned = speak(6, 1)
    unheard = speak(6, 2, but=learned)
    said = [sentence for clip in (*learned, *unheard) for sentence in clip.sentences]
    assert len(set(said)) == len(said) == 12 * SENTENCES
    for clip in learned:
        assert all(clip.right[name] in question.options.values() for name, question in QUESTIONS.items())
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(learned, speak(6, 1), strict=True))
