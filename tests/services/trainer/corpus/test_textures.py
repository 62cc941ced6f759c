from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import find_peaks

from earwitness.audio import SAMPLE_RATE
from services.trainer.corpus import waves
from services.trainer.corpus.textures import Engine, Noise, Rain, Wind
from tests.services.trainer.corpus import measure

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("recipe", [kind.draw(RNG) for kind in (Noise, Rain, Wind, Engine) for _ in range(8)], ids=str)
def test_a_texture_has_its_length_and_volume_and_does_not_clip(recipe):
    samples = recipe.render()
    assert len(samples) == round(recipe.seconds * SAMPLE_RATE)
    assert measure.rms(samples) == pytest.approx(waves.RMS_OF_VOLUME[recipe.volume])
    assert np.abs(samples).max() < 1


@pytest.mark.parametrize(("colour", "fall"), [("white", 0), ("pink", 3), ("brown", 6), ("blue", -3)])
def test_the_power_of_noise_falls_by_its_colours_decibels_per_octave(colour, fall):
    samples = Noise(colour=colour, change="steady", volume="High", length_s=5.5).render()
    power = np.abs(np.fft.rfft(samples)) ** 2
    octaves = [power[round(5.5 * hz) : round(11 * hz)].mean() for hz in (125, 250, 500, 1_000, 2_000)]
    falls = [10 * np.log10(lower / upper) for lower, upper in pairwise(octaves)]
    assert falls == pytest.approx([fall] * 4, abs=0.9)


@pytest.mark.parametrize(("change", "order"), [("fading in", 1), ("fading out", -1)])
def test_fading_noise_changes_evenly(change, order):
    samples = Noise(colour="pink", change=change, volume="Normal", length_s=4.0).render()
    levels = 20 * np.log10([measure.rms(part) for part in np.array_split(samples, 8)])
    assert np.diff(levels) * order == pytest.approx(30 / 8, abs=2)


def test_heavy_rain_is_more_even_than_light_rain():
    unevenness = {}
    for intensity in ("light", "heavy"):
        levels = measure.levels(Rain(intensity=intensity, volume="Normal", length_s=4.0).render())
        unevenness[intensity] = levels.std() / levels.mean()
    assert unevenness["heavy"] < 0.6 * unevenness["light"]


@pytest.mark.parametrize("num_gusts", [1, 2, 3])
def test_gusts_of_wind_can_be_counted(num_gusts):
    levels = measure.levels(Wind(num_gusts=num_gusts, volume="High", length_s=5.0).render(), 0.05)
    smooth = np.convolve(np.pad(levels, 10), np.hanning(13) / np.hanning(13).sum(), "same")
    assert len(find_peaks(smooth, prominence=0.4 * smooth.max())[0]) == num_gusts


@pytest.mark.parametrize(("speed", "ratio"), [("steady", 1.0), ("speeding up", 2.0), ("slowing down", 0.5)])
def test_the_pitch_of_an_engine_follows_its_speed(speed, ratio):
    samples = Engine(slow_hz=60, speed=speed, volume="High", length_s=5.0).render()
    first, last = (measure.fundamental(part, 45, 180) for part in (samples[:4_000], samples[-4_000:]))
    assert last / first == pytest.approx(ratio, rel=0.08)
