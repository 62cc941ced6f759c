"""Laws of the description: it says what is in the sound, in the words that questions use, and no more."""

import re

import numpy as np
import pytest

from earwitness import audio
from earwitness.transcriber import Transcript
from services.captioner.acoustics import measure
from services.captioner.description import MAX_WORDS, describe
from tests import sounds

NO_SPEECH = Transcript(text="", speech_seconds=0.0)


def heard(samples, transcript=NO_SPEECH):
    return describe(measure(audio.from_samples(samples)), transcript)


def said(text, seconds):
    return Transcript(text=text, speech_seconds=seconds, language="en")


def test_a_tone_of_440_hz_is_called_a4():
    assert "A clear tone at about 440 Hz (A4) sounds for 2.0 s." in heard(sounds.tone(440, 2))


def test_clicks_give_their_number_and_tempo():
    text = heard(sounds.metronome(120))
    assert "20 onsets are heard, evenly spaced at 120 beats per minute." in text
    assert "percussive" in text


def test_a_fade_is_described_as_such():
    assert "fading out" in heard(sounds.fade(sounds.noise(3)))
    assert "fading in" in heard(sounds.fade(sounds.noise(3), 0, 1))


def test_silence_is_said_and_nothing_else():
    text = heard(sounds.silence(2))
    assert text == "Nothing but silence: no sound rises above -60 dBFS in the clip's 2.0 s."


def test_noise_is_noise():
    text = heard(sounds.noise(3))
    assert "No speech is detected. Noise without pitch" in text
    assert "bright" in text


def test_the_pitch_of_a_sweep_rises_or_falls():
    assert "The pitch rises over the clip, from about 20" in heard(sounds.sweep(205, 800))
    assert "The pitch falls over the clip" in heard(sounds.sweep(800, 205))


def test_the_higher_and_the_louder_of_two_sounds_are_named():
    text = heard(sounds.join(sounds.tone(440, 0.5), sounds.silence(0.5), sounds.tone(880, 0.5, 0.1)))
    assert "holds 2 sounds" in text
    assert "tone 440 Hz (A4); 1.0-1.5 s tone 880 Hz (A5)." in text
    assert "The second is the higher. The first is the louder, by 9 dB." in text


def test_the_highest_and_lowest_of_several_are_named():
    text = heard(sounds.join(*(sounds.tone(hz, 0.5) for hz in (330, 262, 392))))
    assert "The third is the highest, the second the lowest." in text


def test_the_halves_are_compared():
    text = heard(sounds.join(sounds.noise(2, 0.02), sounds.noise(2, 0.1)))
    assert "Against the first half, the second is 14 dB louder." in text


@pytest.mark.parametrize(
    ("hz", "voice"),
    [(110, "low voice, probably an adult man's"), (165, "medium pitch"), (215, "high voice, probably a woman's")],
)
def test_the_transcript_comes_first_and_the_voice_after_it(hz, voice):
    text = heard(sounds.voice(hz, 2), said("Good morning to you all.", 2.0))
    assert text.startswith('Speech is heard, and seems to say: "Good morning to you all." It is a')
    assert voice in text
    assert f"about {hz} Hz" in text


@pytest.mark.parametrize(("num_words", "pace"), [(3, "slow, 1.5"), (6, "normal, 3.0"), (9, "fast, 4.5")])
def test_the_pace_is_words_per_second(num_words, pace):
    assert f"The pace is {pace} words per second" in heard(sounds.voice(110, 2), said("word " * num_words, 2.0))


def test_speech_without_words_is_not_given_any():
    text = heard(sounds.voice(110, 2), said("", 1.5))
    assert "no word can be made out" in text
    assert "seems to say" not in text


def test_a_voice_under_other_sounds_gets_no_pitch():
    assert "cannot be told" in heard(sounds.voice(110, 10), said("hello there", 1.0))


def test_a_chord_is_spelt():
    chord = np.sum([sounds.tone(hz, 2, 0.1) for hz in (261.63, 329.63, 392)], axis=0)
    assert "Notes sound together for 2.0 s: C4, E4, G4." in heard(chord)


def test_faults_are_told():
    assert "clipping" in heard(np.clip(8 * sounds.voice(150, 2), -1, 1))
    assert "clipping" not in heard(sounds.voice(150, 2))
    noisy = sounds.join(sounds.voice(150, 2), sounds.silence(1)) + sounds.noise(3, 0.02)
    assert "background noise" in heard(noisy, said("one two three", 2.0))
    stereo = np.stack([sounds.noise(1, seed=1), sounds.noise(1, seed=2)], axis=1)
    assert "in stereo, and wide" in heard(stereo)


@pytest.mark.parametrize(
    "samples",
    [
        sounds.join(*(sounds.join(sounds.tone(hz, 0.4), sounds.silence(0.3)) for hz in (300, 500, 400, 900, 700, 350))),
        np.clip(8 * sounds.sweep(200, 900, 5), -1, 1) + sounds.tone(50, 5, 0.05) + 0.05,
        sounds.noise(0.1),
        sounds.clicks([0.01], 0.1),
        sounds.tone(100, 1 / 16_000),
    ],
)
@pytest.mark.parametrize("transcript", [NO_SPEECH, said("Some words that were said here.", 0.8)])
def test_it_is_brief_plain_and_the_same_every_time(samples, transcript):
    text = heard(samples, transcript)
    assert text == heard(samples, transcript)
    measured = text.replace(f'"{transcript.text}"', "")
    assert 5 < len(measured.split()) <= MAX_WORDS + 6
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert text.endswith(".")
    assert "  " not in text
