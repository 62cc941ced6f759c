import itertools

from hypothesis import given
from hypothesis import strategies as st

from earwitness.desta.layout import common_prefix, rectangles, without_prefix
from earwitness.desta.splice import Spliced


def cost(groups, lengths, pass_tokens):
    return sum(len(group) * max(lengths[row] for row in group) + pass_tokens for group in groups)


def partitions(rows):
    if not rows:
        yield []
        return
    first, *rest = rows
    for count in range(len(rest) + 1):
        for others in itertools.combinations(rest, count):
            left = [row for row in rest if row not in others]
            for groups in partitions(left):
                yield [[first, *others], *groups]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 40))
def test_no_other_grouping_of_rows_costs_less(lengths, pass_tokens):
    groups = rectangles(lengths, pass_tokens)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    least = min(cost(groups, lengths, pass_tokens) for groups in partitions(list(range(len(lengths)))))
    assert cost(groups, lengths, pass_tokens) == least


def test_rows_of_like_length_share_a_rectangle_and_a_long_one_has_its_own():
    assert rectangles([100, 101, 500, 99], 50) == [[0, 1, 3], [2]]
    assert rectangles([100, 101, 500, 99], 5000) == [[0, 1, 2, 3]]
    assert rectangles([]) == []


def test_the_common_prefix_ends_before_a_slot_and_leaves_each_row_an_id():
    rows = [Spliced(ids=(1, 2, 3, 0, 0, 4), slots=(3,)), Spliced(ids=(1, 2, 3, 5, 6), slots=())]
    assert common_prefix(rows) == 3
    assert common_prefix([rows[0], Spliced(ids=(1, 9, 3), slots=())]) == 1
    assert common_prefix([Spliced(ids=(1, 2), slots=())] * 2) == 1
    assert common_prefix([]) == 0
    assert without_prefix(rows[0], 2) == Spliced(ids=(3, 0, 0, 4), slots=(1,))
