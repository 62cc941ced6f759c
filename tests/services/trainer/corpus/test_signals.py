import numpy as np
import pytest

from earwitness.audio import SAMPLE_RATE
from services.trainer.corpus.signals import Alarm, Beeps, Chirps, PureTone, Siren
from tests.services.trainer.corpus import measure

RNG = np.random.default_rng(0)


def cut(samples, start_s, end_s):
    return samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


@pytest.mark.parametrize("beeps", [Beeps.draw(RNG) for _ in range(20)], ids=str)
def test_beeps_are_counted_spaced_and_pitched_as_stated(beeps):
    samples = beeps.render()
    heard = measure.onsets(samples)
    assert len(heard) == beeps.num_beeps
    assert np.diff(heard) == pytest.approx(beeps.spacing_s, abs=0.011)
    assert measure.strongest_hz(cut(samples, 0, beeps.spacing_s / 2)) == pytest.approx(beeps.pitch_hz, abs=3)


@pytest.mark.parametrize("alarm", [Alarm.draw(RNG) for _ in range(10)], ids=str)
def test_an_alarm_has_its_tones_in_turn(alarm):
    samples = alarm.render()
    assert len(samples) == round(2 * alarm.num_rounds * alarm.tone_s * SAMPLE_RATE)
    for index in range(2 * alarm.num_rounds):
        tone = cut(samples, index * alarm.tone_s, (index + 1) * alarm.tone_s)
        assert measure.strongest_hz(tone) == pytest.approx((alarm.high_hz, alarm.low_hz)[index % 2], abs=3)


@pytest.mark.parametrize("siren", [Siren.draw(RNG) for _ in range(10)], ids=str)
def test_a_siren_wails_between_its_frequencies(siren):
    samples = siren.render()
    for wail in range(siren.num_wails):
        start_s = wail * siren.wail_s
        top = cut(samples, start_s + 0.49 * siren.wail_s, start_s + 0.51 * siren.wail_s)
        quarter = cut(samples, start_s + 0.24 * siren.wail_s, start_s + 0.26 * siren.wail_s)
        assert measure.strongest_hz(top) == pytest.approx(siren.high_hz, rel=0.04)
        assert measure.strongest_hz(quarter) == pytest.approx((siren.low_hz * siren.high_hz) ** 0.5, rel=0.08)


@pytest.mark.parametrize("chirps", [Chirps.draw(RNG) for _ in range(15)], ids=str)
def test_every_chirp_glides_the_stated_way(chirps):
    samples = chirps.render()
    assert len(measure.onsets(samples)) == chirps.num_chirps
    for index in range(chirps.num_chirps):
        start_s = index * chirps.spacing_s
        early, late = (measure.strongest_hz(cut(samples, start_s + at, start_s + at + 0.03)) for at in (0.02, 0.15))
        assert (early < 0.8 * late) if chirps.direction == "rising" else (late < 0.8 * early)


@pytest.mark.parametrize("tone", [PureTone.draw(RNG) for _ in range(15)], ids=str)
def test_a_tone_has_its_pitch_and_fades_its_way(tone):
    samples = tone.render()
    assert measure.strongest_hz(samples) == pytest.approx(tone.pitch_hz, abs=3)
    quarters = [measure.rms(quarter) for quarter in np.array_split(samples, 4)]
    if tone.change == "steady":
        assert max(quarters) < 1.1 * min(quarters)
    else:
        assert quarters == sorted(quarters, reverse=tone.change == "fading out")
        assert max(quarters) > 5 * min(quarters)
