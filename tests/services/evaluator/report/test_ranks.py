from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.report.ranks import ranks


def test_the_best_is_first_and_darkest_and_the_last_has_no_shade():
    found = ranks([0.2, 0.9, 0.5])
    assert [rank.label for rank in found if rank] == ["3", "1", "2"]
    assert [rank.shade for rank in found if rank] == ["0.00", "1.00", "0.50"]


def test_equal_numbers_share_the_best_place():
    assert [rank.label for rank in ranks([0.5, 0.7, 0.5, 0.1]) if rank] == ["2=", "1", "2=", "4"]


def test_what_is_missing_has_no_rank_and_takes_no_place():
    found = ranks([None, 0.3, float("nan"), 0.2])
    assert found[0] is found[2] is None
    assert found[1] is not None
    assert found[1].of == 2


def test_a_number_alone_is_not_ranked():
    (only,) = ranks([0.4])
    assert only is not None
    assert (only.label, only.shade) == ("", "0.00")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_better_number_never_has_a_worse_place(values):
    found = ranks(values)
    for value, rank in zip(values, found, strict=True):
        for other, other_rank in zip(values, found, strict=True):
            assert rank and other_rank
            assert (value > other) == (rank.place < other_rank.place)
