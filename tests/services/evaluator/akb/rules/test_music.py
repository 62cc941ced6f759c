from typing import Any

import pytest

from services.evaluator.akb.rules import music
from services.evaluator.akb.rules.registry import RULES

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("interval_size", {"interval": "minor third"}, "3 semitones", "4 semitones"),
    ("chord_notes", {"root": "B", "chord": "half-diminished seventh"}, "B, D, F, A", "B, D, F, A flat"),
    ("scale_notes", {"tonic": "C", "scale": "major pentatonic"}, "C, D, E, G, A", "C, D, E, F, G"),
    ("frequency_above", {"frequency_hz": 440, "semitones": -12}, "220 Hz", "880 Hz"),
    ("cents", {"above": 3, "below": 2}, "702 cents", "600 cents"),
    ("enharmonic", {"note": "C sharp"}, "D flat", "D"),
    ("stopped_string", {"open_hz": 200, "fraction": 0.5}, "400 Hz", "300 Hz"),
    ("tempo", {"beat_s": 0.5}, "120 beats per minute", "60 beats per minute"),
    ("interval_size", {"interval": "diminished fifth"}, "6 semitones", "7 semitones"),
    ("interval_between", {"lower": "E", "upper": "B flat"}, "Diminished fifth", "Augmented fourth"),
    ("interval_between", {"lower": "A flat", "upper": "C"}, "Major third", "Minor third"),
    ("note_above", {"root": "D", "interval": "major third"}, "F sharp", "G flat"),
    ("note_above", {"root": "E flat", "interval": "perfect fourth"}, "A flat", "A"),
    ("transposed_down", {"written": "C", "interval": "minor third"}, "A", "E flat"),
    ("inverted_interval", {"interval": "minor second"}, "Major seventh", "Minor seventh"),
    ("stacked_notes", {"lowest": "C", "interval": "perfect fifth"}, "C, G, D, A", "G, D, A, E"),
    ("stacked_notes", {"lowest": "E", "interval": "perfect fourth"}, "E, A, D, G", "E, A, D, G flat"),
    ("chord_notes", {"root": "B", "chord": "diminished"}, "B, D, F", "B, D, F sharp"),
    ("chord_notes", {"root": "F", "chord": "augmented"}, "F, A, C sharp", "F, A, C"),
    ("chord_inversion", {"root": "G", "chord": "dominant seventh", "bass": "F"}, "Third inversion", "First inversion"),
    ("diatonic_chords", {"key": "D major", "degrees": [7]}, "C sharp diminished", "C sharp minor"),
    ("diatonic_chords", {"key": "G major", "degrees": [5, 1]}, "D major to G major", "G major to D major"),
    ("diatonic_chords", {"key": "A minor", "degrees": [6]}, "F major", "F minor"),
    ("key_signature", {"key": "F minor"}, "Four flats", "Four sharps"),
    ("key_signature", {"key": "G major"}, "One sharp", "One flat"),
    ("key_with_signature", {"sharps": 2, "mode": "minor"}, "B minor", "D major"),
    ("relative_key", {"key": "D major"}, "B minor", "D minor"),
    ("scale_degree", {"tonic": "E", "scale": "phrygian", "degree": 2}, "F", "F sharp"),
    ("scale_degree", {"tonic": "F", "scale": "lydian", "degree": 4}, "B", "B flat"),
    ("white_key_mode", {"first": "G"}, "Mixolydian", "Dorian"),
    ("white_key_mode", {"first": "A"}, "Minor", "Major"),
    ("midi_number", {"note": "A0"}, "21", "33"),
    ("midi_number", {"note": "C8"}, "108", "96"),
    ("note_frequency", {"note": "E4"}, "329.6 Hz", "311.1 Hz"),
    ("note_frequency", {"note": "B flat1"}, "58.27 Hz", "61.74 Hz"),
    ("tempered_ratio", {"semitones": 7}, "1.498", "1.414"),
    ("pure_ratio", {"interval": "perfect fifth"}, "3:2", "4:3"),
    ("pure_ratio", {"interval": "minor third"}, "6:5", "5:4"),
    ("notes_within", {"short": "eighth", "long": "whole"}, "8", "4"),
    ("notes_within", {"short": "eighth", "long": "dotted quarter"}, "3", "2"),
    ("beats_duration", {"beats": 3, "beats_per_minute": 90}, "2 s", "3 s"),
    ("equal_division", {"duration_s": 1.5, "parts": 3}, "500 ms", "750 ms"),
    ("polyrhythm_onsets", {"voices": [2, 3]}, "4", "5"),
    ("time_signature_class", {"upper": 9}, "Compound triple", "Simple triple"),
    ("time_signature_class", {"upper": 4}, "Simple quadruple", "Compound duple"),
]


@pytest.mark.parametrize(("name", "arguments", "right", "wrong"), CASES)
def test_a_rule_accepts_the_right_and_rejects_the_wrong(name: str, arguments: dict[str, Any], right: str, wrong: str):
    assert RULES[name](right, **arguments)
    assert not RULES[name](wrong, **arguments)


def test_every_rule_has_a_case():
    assert {name for name, rule in RULES.items() if rule.__module__ == music.__name__} == {name for name, *_ in CASES}


@pytest.mark.parametrize(
    ("name", "arguments", "option"),
    [
        ("note_above", {"root": "D", "interval": "major third"}, "H"),
        ("interval_between", {"lower": "C", "upper": "E"}, "A big step"),
        ("relative_key", {"key": "D major"}, "B"),
        ("white_key_mode", {"first": "D"}, "Blues"),
        ("chord_inversion", {"root": "C", "chord": "major", "bass": "E"}, "Open position"),
        ("key_signature", {"key": "D major"}, "Many sharps"),
        ("pure_ratio", {"interval": "major third"}, "wide"),
    ],
)
def test_an_option_of_another_kind_cannot_be_judged(name: str, arguments: dict[str, Any], option: str):
    with pytest.raises(ValueError):
        RULES[name](option, **arguments)


def test_intervals_and_their_inversions_make_an_octave():
    for interval, fifths in music.INTERVALS.items():
        inversions = [other for other, places in music.INTERVALS.items() if places == -fifths]
        assert all(
            music.interval_size(interval=interval) + music.interval_size(interval=other) == 12 for other in inversions
        )


def test_every_scale_rises():
    for scale in music.SCALES.values():
        steps = [offset * 7 % 12 for offset in scale]
        assert steps == sorted(steps)
