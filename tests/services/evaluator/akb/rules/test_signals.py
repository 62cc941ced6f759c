from typing import Any

import numpy as np
import pytest

from services.evaluator.akb.rules import signals
from services.evaluator.akb.rules.registry import RULES

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("nyquist_frequency", {"sample_rate_hz": 44100}, "22.05 kHz", "44.1 kHz"),
    ("alias_frequency", {"tone_hz": 30_000, "sample_rate_hz": 44_100}, "14.1 kHz", "7.95 kHz"),
    ("alias_frequency", {"tone_hz": 3000, "sample_rate_hz": 8000}, "3 kHz", "5 kHz"),
    ("num_samples", {"duration_s": 0.02, "sample_rate_hz": 8000}, "160 samples", "400 samples"),
    ("resampling_ratio", {"from_hz": 48_000, "to_hz": 16_000}, "1/3", "2/6"),
    ("sample_period", {"sample_rate_hz": 50_000}, "20 µs", "50 µs"),
    ("delay_samples", {"delay_s": 0.001, "sample_rate_hz": 48_000}, "48 samples", "47 samples"),
    ("bits_for_levels", {"levels": 256}, "8 bits", "9 bits"),
    ("bits_for_levels", {"levels": 257}, "9 bits", "8 bits"),
    ("bin_frequency", {"number": 2, "sample_rate_hz": 8000, "size": 8}, "2 kHz", "1 kHz"),
    ("coded_duration", {"size_bytes": 1e6, "bit_rate": 64_000}, "125 s", "16 s"),
    ("compression_ratio", {"before_bit_s": 1_411_200, "after_bit_s": 128_000}, "11", "12"),
    ("quantizer_levels", {"bits": 8}, "256 levels", "255 levels"),
    ("quantizer_snr", {"bits": 16}, "98.1 dB", "92.1 dB"),
    ("quantizer_step", {"span_v": 1.0, "bits": 3}, "125 mV", "333 mV"),
    ("fft_bin_width", {"sample_rate_hz": 48_000, "size": 4096}, "11.72 Hz", "23.44 Hz"),
    ("real_fft_bins", {"size": 400}, "201 bins", "200 bins"),
    ("num_frames", {"samples": 10, "window": 4, "hop": 3}, "3 frames", "4 frames"),
    ("filter_slope", {"order": 1, "frequency_ratio": 10}, "20 dB", "6 dB"),
    ("butterworth_attenuation", {"order": 1, "frequency_ratio": 2}, "7 dB", "6 dB"),
    ("rc_cutoff", {"resistance_ohm": 1000, "capacitance_f": 1e-6}, "159 Hz", "1000 Hz"),
    ("pcm_bit_rate", {"sample_rate_hz": 8000, "bits": 8, "channels": 1}, "64 kbit/s", "8 kbit/s"),
    ("pcm_bytes", {"duration_s": 1, "sample_rate_hz": 48_000, "bits": 24, "channels": 2}, "0.288 MB", "2.304 MB"),
    ("coded_bytes", {"duration_s": 60, "bit_rate": 128_000}, "0.96 MB", "7.68 MB"),
    ("mel", {"frequency_hz": 1000}, "1000 mel", "1100 mel"),
    ("stacked_features", {"coefficients": 20, "derivatives": 1}, "40", "60"),
    ("zero_crossings", {"frequency_hz": 100, "duration_s": 0.5}, "100", "50"),
]


@pytest.mark.parametrize(("name", "arguments", "right", "wrong"), CASES)
def test_a_rule_accepts_the_right_and_rejects_the_wrong(name: str, arguments: dict[str, Any], right: str, wrong: str):
    assert RULES[name](right, **arguments)
    assert not RULES[name](wrong, **arguments)


def test_every_rule_has_a_case():
    assert {name for name, rule in RULES.items() if rule.__module__ == signals.__name__} == {name for name, *_ in CASES}


def test_a_sampled_tone_peaks_at_its_alias():
    sample_rate_hz, tone_hz = 8000, 6500
    time = np.arange(sample_rate_hz) / sample_rate_hz
    spectrum = np.abs(np.fft.rfft(np.sin(2 * np.pi * tone_hz * time)))
    assert signals.alias_frequency(tone_hz=tone_hz, sample_rate_hz=sample_rate_hz) == spectrum.argmax()


def test_the_quantizer_formula_meets_a_quantized_sine():
    bits = 12
    sine = np.sin(np.arange(200_000) * 0.7390851)
    step = 2 / 2**bits
    error = np.round(sine / step) * step - sine
    measured = 10 * np.log10(np.mean(sine**2) / np.mean(error**2))
    assert measured == pytest.approx(signals.quantizer_snr(bits=bits), abs=0.1)


def test_the_bins_are_those_of_a_real_transform():
    assert signals.real_fft_bins(size=512) == len(np.fft.rfft(np.zeros(512)))
