from typing import Any

import numpy as np
import pytest

from services.evaluator.akb.rules import sound
from services.evaluator.akb.rules.registry import RULES

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("spectral_fall", {"exponent": 2, "frequency_ratio": 2}, "6 dB", "3 dB"),
    ("harmonic", {"fundamental_hz": 60, "number": 2}, "120 Hz", "180 Hz"),
    ("harmonic_distortion", {"fundamental_v": 2.0, "harmonics_v": [0.02]}, "1 %", "2 %"),
    ("intermodulation_product", {"tones_hz": [60, 7000], "order": 2}, "7060 Hz", "7120 Hz"),
    ("intermodulation_product", {"tones_hz": [60, 7000], "order": 3}, "6880 Hz", "6940 Hz"),
    ("summed_level", {"levels_db": [60, 60, 60, 60]}, "66 dB SPL", "63 dB SPL"),
    ("amplitude_ratio_level", {"ratio": 2}, "6 dB", "3 dB"),
    ("power_ratio_level", {"ratio": 2}, "3 dB", "6 dB"),
    ("power_ratio", {"level_db": 20}, "100", "10"),
    ("level_difference", {"upper_db": 94, "lower_db": 20}, "74 dB", "114 dB"),
    ("sine_crest_factor", {}, "3.01 dB", "6.02 dB"),
    ("compressed_level", {"input_db": -10, "threshold_db": -20, "ratio": 2}, "-15 dBFS", "-5 dBFS"),
    ("compressed_level", {"input_db": -30, "threshold_db": -20, "ratio": 2}, "-30 dBFS", "-25 dBFS"),
    ("octave_span", {"low_hz": 55, "high_hz": 440}, "3 octaves", "8 octaves"),
    ("lost_audio", {"packets": 3, "packet_s": 0.01}, "30 ms", "3 ms"),
    ("sabine_time", {"volume_m3": 100, "absorption_m2": 16.1}, "1 s", "6.2 s"),
    ("axial_mode", {"length_m": 3.4, "number": 2, "speed_m_s": 340}, "100 Hz", "50 Hz"),
    ("first_notch", {"delay_s": 0.0005}, "1 kHz", "2 kHz"),
    ("rotation_rate", {"turns_per_minute": 45}, "0.75 Hz", "45 Hz"),
    ("polar_null", {"angle_degrees": 90}, "Figure-of-eight", "Cardioid"),
    ("polar_null", {"angle_degrees": 180}, "Cardioid", "Hypercardioid"),
    ("microphone_output", {"sensitivity_v_pa": 0.02, "level_db_spl": 94}, "20 mV", "2 mV"),
    ("loudspeaker_level", {"sensitivity_db": 90, "power_w": 2}, "93 dB SPL", "96 dB SPL"),
    ("beat_rate", {"tones_hz": [263, 261]}, "2 Hz", "1 Hz"),
    ("sones", {"phons": 50}, "2 sones", "1.25 sones"),
    ("missing_fundamental", {"components_hz": [450, 600, 750]}, "150 Hz", "450 Hz"),
    ("mean_score", {"scores": [5, 4, 3, 3]}, "3.75", "3.5"),
    ("crest_factor", {"peak_v": 2, "rms_v": 1}, "6 dB", "3 dB"),
    ("amplitude_ratio", {"level_db": 20}, "10", "100"),
    ("equal_sources_level", {"level_db": 60, "sources": 2}, "63 dB SPL", "66 dB SPL"),
    ("echo_delay", {"detour_m": 34, "speed_m_s": 340}, "100 ms", "10 ms"),
    ("phons", {"sones": 4}, "60 phons", "80 phons"),
    ("guessing_probability", {"trials": 2, "choices": 4}, "6.25 %", "25 %"),
]


@pytest.mark.parametrize(("name", "arguments", "right", "wrong"), CASES)
def test_a_rule_accepts_the_right_and_rejects_the_wrong(name: str, arguments: dict[str, Any], right: str, wrong: str):
    assert RULES[name](right, **arguments)
    assert not RULES[name](wrong, **arguments)


def test_every_rule_has_a_case():
    assert {name for name, rule in RULES.items() if rule.__module__ == sound.__name__} == {name for name, *_ in CASES}


def test_an_unknown_microphone_pattern_cannot_be_judged():
    with pytest.raises(ValueError, match="no pattern"):
        RULES["polar_null"]("Shotgun", angle_degrees=180)


def test_a_cubed_pair_of_tones_has_the_products_of_third_order_only():
    time = np.arange(8000) / 8000
    pair = np.sin(2 * np.pi * 1000 * time) + np.sin(2 * np.pi * 1200 * time)
    spectrum = np.abs(np.fft.rfft(pair**3))
    products = {int(bin_hz) for bin_hz in np.flatnonzero(spectrum > 1)} - {1000, 1200, 3000, 3600}
    judge = RULES["intermodulation_product"]
    assert products == {hz for hz in range(1, 4000) if judge(f"{hz} Hz", tones_hz=[1000, 1200], order=3)}


def test_the_first_notch_of_a_delayed_copy_is_silent():
    notch_hz = sound.first_notch(delay_s=0.001)
    time = np.arange(48_000) / 48_000
    assert np.allclose(
        np.sin(2 * np.pi * notch_hz * time) + np.sin(2 * np.pi * notch_hz * (time - 0.001)), 0, atol=1e-9
    )


def test_the_crest_factor_is_that_of_a_sampled_sine():
    sine = np.sin(2 * np.pi * np.arange(10_000) / 10_000)
    assert sound.sine_crest_factor() == pytest.approx(20 * np.log10(sine.max() / np.sqrt(np.mean(sine**2))))
