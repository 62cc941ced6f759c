from dataclasses import replace

import numpy as np
import pytest

from earwitness.audio import SAMPLE_RATE
from services.trainer.corpus.melodies import PROGRESSIONS, Chords, Melody
from tests.services.trainer.corpus import measure

RNG = np.random.default_rng(0)
PITCH_CLASS = {"C": 0, "C sharp": 1, "D": 2, "E flat": 3, "E": 4, "F": 5, "F sharp": 6, "G": 7, "A flat": 8, "A": 9}
PITCH_CLASS |= {"B flat": 10, "B": 11}
SCALE = {"major": [0, 2, 4, 5, 7, 9, 11], "minor": [0, 2, 3, 5, 7, 8, 10]}
ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII"]


def parts(samples, count):
    """The middle of each of `count` equal parts, clear of the ramps."""
    length = len(samples) / count
    return [samples[round((index + 0.1) * length) : round((index + 0.8) * length)] for index in range(count)]


def pitch_class(hertz):
    return round(12 * np.log2(hertz / 440) + 9) % 12


def heard(melody):
    """The frequency of every beat: the lowest strong line of the spectrum."""
    found = []
    for part in parts(melody.render(), melody.num_notes):
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), SAMPLE_RATE))[:8_000]
        peaks = [hz for hz in range(250, 1_300) if spectrum[hz] == spectrum[hz - 15 : hz + 16].max()]
        found.append(min(hz for hz in peaks if spectrum[hz] > 0.3 * spectrum.max()))
    return found


@pytest.mark.parametrize("melody", [Melody.draw(RNG) for _ in range(40)], ids=str)
def test_a_melody_has_its_key_contour_and_tempo(melody):
    assert len(melody.render()) == round(melody.num_notes * 60 / melody.beats_per_minute * SAMPLE_RATE)
    pitches = heard(melody)
    tonic = PITCH_CLASS[melody.tonic]
    scale = {(tonic + step) % 12 for step in SCALE[melody.mode]}
    sounding = [pitch_class(hertz) for hertz in pitches]
    assert set(sounding) <= scale
    assert {tonic, (tonic + SCALE[melody.mode][2]) % 12} <= set(sounding)
    signs = np.sign(np.round(12 * np.diff(np.log2(pitches)))).tolist()
    turns = [sign for index, sign in enumerate(signs) if sign and sign not in signs[max(0, index - 1) : index]]
    expected = {"rising": [1], "falling": [-1], "rising then falling": [1, -1], "falling then rising": [-1, 1]}
    assert list(dict.fromkeys(turns)) == expected[melody.contour]


@pytest.mark.parametrize("chords", [replace(Chords.draw(RNG), style="held") for _ in range(20)], ids=str)
def test_chords_hold_the_triads_of_their_progression(chords):
    numerals = chords.progression.split("-")
    mode = PROGRESSIONS[chords.progression][0]
    samples = chords.render()
    assert len(samples) == round(len(numerals) * 120 / chords.beats_per_minute * SAMPLE_RATE)
    for numeral, part in zip(numerals, parts(samples, len(numerals)), strict=True):
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), SAMPLE_RATE))
        # The fundamentals lie between middle C and three octaves above.
        energy = np.zeros(12)
        for midi in range(60, 96):
            hertz = 440 * 2 ** ((midi - 69) / 12)
            energy[midi % 12] += spectrum[round(hertz) - 2 : round(hertz) + 3].max()
        root = PITCH_CLASS[chords.tonic] + SCALE[mode][ROMAN.index(numeral.upper())]
        triad = {(root + step) % 12 for step in ((0, 4, 7) if numeral.isupper() else (0, 3, 7))}
        assert set(np.argsort(energy)[-3:].tolist()) == triad


def test_held_chords_start_together_and_broken_ones_note_by_note():
    chords = Chords(instrument="plucked", tonic="D", progression="ii-V-I", style="held", beats_per_minute=90)
    beat_s = 60 / 90
    for style, spacing_s, count in (("held", 2 * beat_s, 3), ("broken", beat_s / 2, 9)):
        heard = measure.onsets(replace(chords, style=style).render())
        assert len(heard) == count
        assert min(np.diff(heard)) == pytest.approx(spacing_s, abs=0.011)


def test_instruments_differ_in_what_they_are_named_for():
    def share_at_end(instrument):
        melody = Melody(
            instrument=instrument, tonic="A", mode="major", contour="rising", num_notes=5, beats_per_minute=80
        )
        note = parts(melody.render(), 5)[0]
        return measure.rms(note[-1_000:]) / measure.rms(note[:1_000])

    assert share_at_end("plucked") < 0.2 and share_at_end("bell-like") < 0.5
    assert share_at_end("flute-like") > 0.8 and share_at_end("organ-like") > 0.8
