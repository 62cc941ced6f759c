import math

import pytest

from services.evaluator.akb.agreement import cohen, fleiss

FLEISS = [
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
]  # fmt: skip
"""Ten items, fourteen raters, five labels, kappa 0.210: https://en.wikipedia.org/wiki/Fleiss%27_kappa"""


def test_cohen_s_kappa_has_the_value_of_the_textbook_example():
    """20 and 15 agreements, 5 and 10 disagreements, kappa 0.4: https://en.wikipedia.org/wiki/Cohen%27s_kappa"""
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen(pairs) == pytest.approx(0.4)


def test_fleiss_s_kappa_has_the_value_of_the_textbook_example():
    ratings = [[str(label) for label, n in enumerate(counts) for _ in range(n)] for counts in FLEISS]
    assert fleiss(ratings) == pytest.approx(0.210, abs=0.0005)


def test_perfect_agreement_is_one_and_none_beyond_chance_is_zero():
    assert cohen([("a", "a"), ("b", "b")]) == 1
    assert cohen([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]) == 0
    assert fleiss([["a", "a", "a"], ["b", "b", "b"]]) == 1


def test_without_an_item_or_with_one_label_alone_there_is_no_kappa():
    assert all(math.isnan(value) for value in (cohen([]), cohen([("a", "a")]), fleiss([]), fleiss([["a", "a"]])))


def test_unequal_numbers_of_raters_are_refused():
    with pytest.raises(ValueError):
        fleiss([["a", "a"], ["a", "b", "b"]])
