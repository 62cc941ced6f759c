from typing import Any

import pytest

from services.evaluator.akb.rules import everyday
from services.evaluator.akb.rules.registry import RULES

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("heard_from", {"delay_s": 3, "speed_m_s": 340}, "1020 m", "510 m"),
    ("echo_distance", {"delay_s": 2, "speed_m_s": 340}, "340 m", "680 m"),
    ("travel_time", {"distance_m": 680, "speed_m_s": 340}, "2 s", "0.5 s"),
    ("wavelength", {"frequency_hz": 1000, "speed_m_s": 340}, "34 cm", "17 cm"),
    ("frequency_of", {"wavelength_m": 3.4, "speed_m_s": 340}, "100 Hz", "340 Hz"),
    ("frequency_of_period", {"period_s": 0.004}, "250 Hz", "400 Hz"),
    ("line_source_fall", {"distance_ratio": 2}, "3 dB", "6 dB"),
    ("point_source_fall", {"distance_ratio": 4}, "12 dB", "6 dB"),
    ("approaching_source", {"source_hz": 900, "source_m_s": 34, "speed_m_s": 340}, "1000 Hz", "818 Hz"),
    ("receding_source", {"source_hz": 1100, "source_m_s": 34, "speed_m_s": 340}, "1000 Hz", "1222 Hz"),
    ("speech_rate", {"words": 300, "duration_s": 120}, "150 words per minute", "300 words per minute"),
    (
        "articulation_rate",
        {"syllables": 40, "duration_s": 10, "pauses_s": 2},
        "5 syllables per second",
        "4 syllables per second",
    ),
    ("speaking_time", {"words": 300, "words_per_minute": 150}, "120 s", "60 s"),
]


@pytest.mark.parametrize(("name", "arguments", "right", "wrong"), CASES)
def test_a_rule_accepts_the_right_and_rejects_the_wrong(name: str, arguments: dict[str, Any], right: str, wrong: str):
    assert RULES[name](right, **arguments)
    assert not RULES[name](wrong, **arguments)


def test_every_rule_has_a_case():
    assert {name for name, rule in RULES.items() if rule.__module__ == everyday.__name__} == {
        name for name, *_ in CASES
    }
