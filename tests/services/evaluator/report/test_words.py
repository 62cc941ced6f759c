import pytest

from services.evaluator.report.words import (
    bracket,
    coefficient,
    coefficients,
    listing,
    many,
    p_value,
    percent,
    points,
    verdict,
)
from services.evaluator.scoring import Tally
from services.evaluator.stats import Interval


def test_shares_are_written_in_percent():
    assert percent(0.3333) == "33.3"
    assert percent(None) == percent(float("nan")) == "–"
    assert bracket(Interval(low=0.256, high=0.421)) == "[26, 42]"


def test_differences_have_a_sign_and_nothing_is_minus_zero():
    assert [points(value) for value in (0.031, -0.02, 0.0, -0.0001)] == ["+3.1", "−2.0", "0.0", "0.0"]


def test_correlations_are_written_without_a_leading_zero():
    assert [coefficient(value) for value in (0.82, -0.4, 1.0, 0.999, -0.001)] == [".82", "−.40", "1.00", "1.00", ".00"]
    assert coefficients(Interval(low=-0.42, high=0.86)) == "[−.42, .86]"


def test_a_small_p_is_never_written_as_nothing():
    assert [p_value(p) for p in (1.0, 0.04, 0.0001)] == ["1.000", ".040", "< .001"]


def test_counts_agree_with_their_nouns():
    assert [many(count, "run") for count in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("correct", "words"), [(40, "above chance"), (12, "near chance"), (9, "near chance"), (2, "below chance")]
)
def test_an_accuracy_near_chance_is_said_to_be_near_chance(correct, words):
    assert verdict(Tally(n=40, correct=correct, wrong=40 - correct), 0.25) == words
