from dataclasses import replace

import numpy as np
import pytest

from earwitness.audio import SAMPLE_RATE
from services.trainer.corpus import sentences, waves
from services.trainer.corpus.speech import PITCH, VARIANTS, WORDS_PER_MINUTE, Speech, Voice
from tests.services.trainer.corpus import measure

RNG = np.random.default_rng(0)
DRAWN = [Speech.draw(RNG) for _ in range(60)]
PLAIN = Voice(sex="female", variant="f2", words_per_minute=150, pitch=50, volume="Normal")


def test_gender_is_heard_in_the_pitch():
    for speech in DRAWN:
        limits = (130, 300) if speech.voice.sex == "female" else (60, 132)
        assert limits[0] <= measure.fundamental(speech.render()) <= limits[1], speech


@pytest.mark.parametrize(("sex", "variant"), [(sex, variant) for sex in VARIANTS for variant in VARIANTS[sex]])
def test_pitch_levels_rise(sex, variant):
    for edges in ("low edge", "high edge"):
        voices = [
            replace(PLAIN, sex=sex, variant=variant, pitch=pitches[0 if edges == "low edge" else -1])
            for pitches in PITCH.values()
        ]
        heard = [measure.fundamental(Speech(sentence=DRAWN[0].sentence, voice=voice).render()) for voice in voices]
        assert [voice.pitch_level for voice in voices] == ["Low", "Normal", "High"]
        assert heard[0] * 1.1 < heard[1] and heard[1] * 1.08 < heard[2]


def test_faster_speech_is_shorter_by_a_fifth_at_least():
    for sentence in {speech.sentence for speech in DRAWN[:5]}:
        voices = [replace(PLAIN, words_per_minute=rates[0]) for rates in WORDS_PER_MINUTE.values()]
        slow, normal, fast = (len(Speech(sentence=sentence, voice=voice).render()) for voice in voices)
        assert [voice.pace for voice in voices] == ["Slow", "Normal", "Fast"]
        assert fast < 0.8 * normal < 0.8**2 * slow


def test_volume_is_the_level_that_it_names():
    for volume, level in waves.RMS_OF_VOLUME.items():
        voice = replace(PLAIN, volume=volume, words_per_minute=100)
        samples = Speech(sentence="The train to the museum leaves at seven.", voice=voice).render()
        assert measure.rms(samples) == pytest.approx(level, rel=1e-6)


def test_the_longest_sentences_fit_at_the_slowest_pace():
    longest = sorted({sentences.draw(RNG) for _ in range(5_000)}, key=len)[-10:]
    for sentence in longest:
        voice = replace(PLAIN, words_per_minute=WORDS_PER_MINUTE["Slow"][0])
        assert len(Speech(sentence=sentence, voice=voice).render()) < 5.5 * SAMPLE_RATE


def test_speech_fills_its_clip_but_for_the_first_second():
    for speech in DRAWN[:10]:
        samples = speech.render()
        assert len(samples) >= SAMPLE_RATE
        assert np.abs(samples[: SAMPLE_RATE // 20]).max() > 0.01 * np.abs(samples).max()
        if len(samples) > SAMPLE_RATE:
            assert np.abs(samples[-SAMPLE_RATE // 20 :]).max() > 0.005 * np.abs(samples).max()
