import pytest

from services.evaluator.akb.rules.quantity import quantity, read, states
from services.evaluator.akb.rules.registry import RULES, fault


@pytest.mark.parametrize(
    ("option", "unit", "number", "half_place"),
    [
        ("22.05 kHz", "Hz", 22050, 5),
        ("440 Hz", "Hz", 440, 0.5),
        ("65,536 levels", "levels", 65536, 0.5),
        ("-17 dBFS", "dBFS", -17, 0.5),
        ("−17 dBFS", "dBFS", -17, 0.5),
        ("3.1 %", "", 0.031, 0.0005),
        ("39", "", 39, 0.5),
    ],
)
def test_an_option_reads_in_its_base_unit(option: str, unit: str, number: float, half_place: float):
    assert read(option, unit) == pytest.approx((number, half_place))


@pytest.mark.parametrize(
    ("option", "unit"), [("2 s", "Hz"), ("fast", "Hz"), ("3 dB", "dB SPL"), ("3", "dB"), ("1 or 2 s", "s")]
)
def test_an_option_in_another_unit_cannot_be_judged(option: str, unit: str):
    with pytest.raises(ValueError, match="not"):
        read(option, unit)


def test_an_option_may_round_the_value():
    assert states("22 kHz", 22050, "Hz")
    assert states("22.05 kHz", 22050, "Hz")
    assert not states("23 kHz", 22050, "Hz")


def test_coarse_rounding_does_not_pass_for_the_value():
    assert not states("1 kHz", 600, "Hz")


def test_a_measured_near_miss_is_neither_right_nor_wrong():
    with pytest.raises(ValueError, match="too close"):
        states("435 Hz", 440, "Hz")


def test_a_count_may_be_missed_by_one():
    assert not states("256 bins", 257, "bins")


def test_a_formula_stays_callable_and_becomes_a_rule_that_checks_its_arguments():
    @quantity("s")
    def half_of(*, duration_s: float) -> float:
        return duration_s / 2

    try:
        assert half_of(duration_s=3) == 1.5
        assert fault({"rule": "half_of", "duration_s": 3}, "1.5 s", ["3 s"]) == ""
        assert "rejects the answer" in fault({"rule": "half_of", "duration_s": 3}, "3 s", ["6 s"])
        assert "also accepts" in fault({"rule": "half_of", "duration_s": 3}, "1.5 s", ["1500 ms"])
        assert "cannot judge" in fault({"rule": "half_of", "duration_s": 3}, "1.5 s", ["soon"])
        assert "missing a required argument" in fault({"rule": "half_of"}, "1.5 s", ["3 s"])
    finally:
        del RULES["half_of"]
