"""Choices are shuffled evenly and for good, transcripts are read in order, and licences follow the sound."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tools.mini_mmau.build import Placed, Prover, mmar_row, mmau_row, shuffled
from tools.mini_mmau.clips import SAMPLE_RATE, Clip, Source, together
from tools.mini_mmau.files import licences, read_clip, write_clip
from tools.mini_mmau.melodies import melody
from tools.mini_mmau.questions.question import Deep, Measured, Question
from tools.mini_mmau.recogniser import heard


def question(semitones: int = 7, answer: str = "A fifth") -> Question:
    wrong = [choice for choice in ("A second", "A third", "A fifth", "An octave") if choice != answer]
    expected = {"A second": 2, "A third": 4, "A fifth": 7, "An octave": 12}
    return Question(
        text="Which interval?",
        choices=(answer, *wrong),
        clip=melody(60, 60 + semitones, beat_s=0.6),
        measured=Measured(what="interval", expected=tuple(expected[choice] for choice in (answer, *wrong))),
        skill="Harmony and Chord Progressions",
        deep=Deep(skill="Music Theory", cue=("two notes",), thinking="It is wide."),
    )


def placed(folder: Path, asked: Question) -> Placed:
    written = write_clip(folder / "music-01.flac", asked.clip)
    return Placed(id="music-01", task="music", question=asked, choices=shuffled([asked], 1)[0], written=written)


def test_shuffling_keeps_the_choices_repeats_itself_and_uses_every_place_equally() -> None:
    asked = [question()] * 40
    orders = shuffled(asked, 3)
    assert orders == shuffled(asked, 3) != shuffled(asked, 4)
    assert all(sorted(order) == sorted(asked[0].choices) for order in orders)
    assert set(Counter(order.index("A fifth") for order in orders).values()) == {10}


def test_an_answer_that_its_clip_proves_is_recorded(tmp_path: Path) -> None:
    record = Prover(None, {}).record(placed(tmp_path, question()))
    assert record["measurement"]["value"] == pytest.approx(7, abs=0.2)
    assert record["licence"] == "Apache-2.0"


def test_an_answer_that_its_clip_does_not_prove_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="music-01: interval is 7"):
        Prover(None, {}).records([placed(tmp_path, question(semitones=7, answer="A third"))])


def test_rows_take_the_shuffled_choices_and_the_formats_of_both_benchmarks(tmp_path: Path) -> None:
    item = placed(tmp_path, question())
    assert mmau_row(item)["choices"] == mmar_row(item)["choices"] == list(item.choices)
    assert mmau_row(item)["category"] == "Information Extraction"
    assert mmar_row(item)["category"] == "Perception Layer"
    assert mmar_row(item)["timestamp"] == "00:00:00,00:00:02"
    assert len(mmar_row(item)["rubric"]) == 2


def test_a_clip_comes_back_as_written_and_lasts_at_least_a_second(tmp_path: Path) -> None:
    short = Clip(samples=np.sin(np.arange(SAMPLE_RATE // 4) / 5), sources=())
    written = write_clip(tmp_path / "clip.flac", short)
    assert written.duration_s == 1.0
    assert np.abs(written.samples).max() == pytest.approx(0.7, abs=1e-3)
    assert read_clip(tmp_path / "clip.flac").sha256 == written.sha256


def test_a_mixture_is_under_the_strictest_licence_and_names_every_source() -> None:
    free, bound = (
        Clip(samples=np.ones(9), sources=(Source(dataset="d", name=licence, licence=licence, credit="who"),))
        for licence in ("CC0-1.0", "CC-BY-SA-3.0")
    )
    mixture = together(free, bound)
    assert mixture.licence == "CC-BY-SA-3.0"
    assert all(f"`d`: {name} | who" in licences([mixture], ["mix-01"]) for name in ("CC0-1.0", "CC-BY-SA-3.0"))


@pytest.mark.parametrize(
    ("transcript", "right"),
    [
        ("In the garden, then the kitchen.", "garden"),
        ("The kitchen and the garden", "kitchen"),
        ("The garden", None),
        ("kitchen garden kitchen", None),
    ],
)
def test_the_order_of_words_in_a_transcript_decides(transcript: str, right: str | None) -> None:
    assert heard(transcript, {"garden": ["garden", "kitchen"], "kitchen": ["kitchen", "garden"]}) == right


def test_of_nested_choices_the_longest_that_is_heard_is_right() -> None:
    times = {"once": ["river"], "twice": ["river"] * 2, "three times": ["river"] * 3}
    assert heard("A river. The river!", times) == "twice"
