import pytest

from tools.bench.served.agreement import compare

FLOAT32 = [[(-1.0, 1), (-4.0, 2), (-9.0, 3)], [(-1.0, 1), (-2.0, 1), (-3.0, 1)]]


def test_scores_agree_with_themselves() -> None:
    found = compare(FLOAT32, FLOAT32)
    assert (found.questions, found.same_best, found.same_order, found.most_apart) == (2, 1.0, 1.0, 0.0)


def test_options_are_ordered_by_their_log_probability_per_token() -> None:
    found = compare([[(-4.0, 4), (-2.0, 1)]], [[(-1.0, 1), (-2.0, 1)]])
    assert (found.same_best, found.same_order) == (1.0, 1.0)
    assert found.most_apart == 3.0


def test_a_pair_that_changes_places_counts_once() -> None:
    swapped = [FLOAT32[0], [(-2.0, 1), (-1.0, 1), (-3.0, 1)]]
    found = compare(FLOAT32, swapped)
    assert found.same_best == 0.5
    assert found.same_order == pytest.approx(5 / 6)
