import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from earwitness.errors import InvalidInput
from earwitness.speech import SAMPLE_RATE, synthesise, variants, voices

pytest.importorskip("espeakng_loader")

SENTENCE = "A dog barks twice, and then a door closes."


def fundamental_hz(samples: np.ndarray) -> float:
    """The median pitch of the voiced parts, by autocorrelation over 50 ms between 60 and 400 Hz."""
    size = SAMPLE_RATE // 20
    shortest, longest = SAMPLE_RATE // 400, SAMPLE_RATE // 60
    found: list[float] = []
    for start in range(0, len(samples) - size, size):
        block = samples[start : start + size] - samples[start : start + size].mean()
        correlation = np.correlate(block, block, "full")[size - 1 :]
        peak = shortest + int(correlation[shortest:longest].argmax())
        if correlation[0] > 0 and correlation[peak] > 0.5 * correlation[0]:
            found.append(SAMPLE_RATE / peak)
    return float(np.median(found))


def test_speech_is_audible_mono_and_within_range():
    samples, rate = synthesise(SENTENCE)
    assert (rate, samples.dtype, samples.ndim) == (SAMPLE_RATE, np.float32, 1)
    assert 0.2 < np.abs(samples).max() <= 1.0
    assert 1.5 < len(samples) / rate < 4.0


def test_the_same_words_are_the_same_samples_at_any_time_and_whatever_was_said_before():
    names = ["en-us", "en-gb+m3", "en-us+f2", "en-us+whisper", "en-us+klatt2", "en-us+caleb", "de"]
    first = {voice: synthesise(SENTENCE, voice=voice)[0] for voice in names}
    time.sleep(1.1)  # eSpeak NG seeds its noise with the second
    synthesise("Something else, by somebody else.", voice="fr+f4", words_per_minute=300)
    again = {voice: synthesise(SENTENCE, voice=voice)[0] for voice in reversed(names)}
    assert [voice for voice in names if not np.array_equal(first[voice], again[voice])] == []


def test_another_process_says_the_same():
    code = f"from earwitness.speech import synthesise; print(synthesise({SENTENCE!r})[0].tobytes().hex())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == synthesise(SENTENCE)[0].tobytes().hex()


def test_threads_do_not_disturb_each_other():
    texts = [f"This is the sentence with the number {index}." for index in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: synthesise(text)[0], texts))
    for text, samples in zip(texts, together, strict=True):
        assert np.array_equal(samples, synthesise(text)[0])


def test_more_words_per_minute_take_less_time():
    lengths = [len(synthesise(SENTENCE, words_per_minute=rate)[0]) for rate in (100, 175, 300, 450)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 2.5 * lengths[-1]


def test_pitch_is_heard():
    low, middle, high = (fundamental_hz(synthesise(SENTENCE, pitch=pitch)[0]) for pitch in (10, 50, 90))
    assert low < 0.9 * middle < 0.81 * high


def test_a_woman_speaks_higher_than_a_man():
    woman, man = (fundamental_hz(synthesise(SENTENCE, sex=sex)[0]) for sex in ("female", "male"))
    assert woman > 1.3 * man


def test_a_sex_is_a_variant_of_that_sex():
    assert np.array_equal(synthesise(SENTENCE, sex="female")[0], synthesise(SENTENCE, voice="en-us+f2")[0])
    assert variants()["f2"] == "female"
    assert variants()["m3"] == "male"
    assert variants()["klatt"] is None


def test_every_english_voice_speaks():
    english = [code for code in voices() if code.partition("-")[0] == "en"]
    assert {"en", "en-us", "en-gb"} <= set(english)
    for code in english:
        synthesise("one", voice=code)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"text": " "}, "text: there must be something to say"),
        ({"text": "one\0two"}, "text: there must be something to say"),
        ({"text": "..."}, "text: en-us finds no word in '...'"),
        ({"voice": "martian"}, "voice: there is no voice 'martian' .*en-us"),
        ({"voice": ""}, "voice: there is no voice ''"),
        ({"voice": "en-us+nobody"}, "voice: there is no variant 'nobody' .*f3"),
        ({"voice": "en-us+"}, "voice: there is no variant ''"),
        ({"voice": "en-us+f3", "sex": "male"}, "sex: 'en-us\\+f3' already names a variant"),
        ({"words_per_minute": 79}, "words_per_minute: 79 is not between 80 and 450"),
        ({"pitch": 100}, "pitch: 100 is not between 0 and 99"),
        ({"pitch_range": -1}, "pitch_range: -1 is not between 0 and 99"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_field(arguments, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        synthesise(**{"text": "one", **arguments})
