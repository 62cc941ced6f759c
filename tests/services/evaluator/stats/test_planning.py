from math import inf

import pytest
from scipy.stats import multinomial

from earwitness.errors import InvalidInput
from services.evaluator.stats import (
    exact,
    half_width,
    items_for,
    items_to_tell,
    power,
    smallest_drop,
    tellable,
    wilson,
    worse,
)


def test_how_wide_the_paper_s_benchmarks_leave_an_accuracy():
    assert 100 * half_width(1000, 0.65) == pytest.approx(3.0, abs=0.05)
    assert 100 * half_width(2000, 0.80) == pytest.approx(1.75, abs=0.005)


def test_half_a_width_is_that_of_the_interval_that_is_reported():
    interval = wilson(1300, 2000)
    assert half_width(2000, 0.65) == pytest.approx((interval.high - interval.low) / 2, rel=0.002)


def test_the_items_for_a_width_are_the_fewest_that_give_it():
    needed = items_for(0.03, 0.65)
    assert half_width(needed, 0.65) <= 0.03 < half_width(needed - 1, 0.65)
    assert items_for(0.03) > needed


@pytest.mark.parametrize(("only_first", "only_second", "pairs"), [(0.45, 0.05, 23), (0.30, 0.15, 155)])
def test_connors_sample_sizes_are_the_published_calculators(only_first, only_second, pairs):
    # powerandsamplesize.com, "Compare Paired Proportions", has the first; 155 is its formula with p01 = .15, p10 = .30.
    assert items_to_tell(only_first - only_second, only_first + only_second) == pairs


def test_power_is_the_sum_over_all_tables():
    n, difference, discordance = 24, 0.3, 0.5
    lead, lag = (discordance + difference) / 2, (discordance - difference) / 2
    found = sum(
        multinomial.pmf([a, b, n - a - b], n, [lead, lag, 1 - discordance])
        for a in range(n + 1)
        for b in range(n + 1 - a)
        if exact(a, b).p < 0.05
    )
    assert power(n, difference, discordance) == pytest.approx(found)


def test_the_advised_number_of_items_has_about_the_power_it_says():
    for difference, discordance in [(0.03, 0.15), (0.05, 0.2), (0.02, 0.1)]:
        n = items_to_tell(difference, discordance)
        assert 0.76 < power(n, difference, discordance) < 0.81


def test_what_can_be_told_is_what_needs_as_many_items():
    told = tellable(1000, 0.2)
    assert items_to_tell(told, 0.2) <= 1000 < items_to_tell(0.999 * told, 0.2)
    assert tellable(20, 0.05) == inf


def test_the_smallest_drop_is_the_smallest_split_that_the_test_finds():
    for differing in range(6, 60):
        drop = round(500 * smallest_drop(500, differing))
        lost, gained = (differing + drop) // 2, (differing - drop) // 2
        assert worse(gained, lost) < 0.05 <= worse(gained + 1, lost - 1)


def test_with_too_few_changes_the_smallest_drop_is_five_items():
    # Four coins that all fall alike have a chance of 1/16, five of 1/32.
    assert [smallest_drop(100, differing) for differing in (0, 3, 4, 5)] == [0.05] * 4
    assert smallest_drop(4, 4) is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda: half_width(0, 0.5),
        lambda: half_width(10, 1.5),
        lambda: items_for(0.0),
        lambda: items_to_tell(0.3, 0.2),
        lambda: items_to_tell(0.0, 0.2),
        lambda: tellable(100, 0.0),
    ],
)
def test_questions_without_an_answer_are_refused(ask):
    with pytest.raises(InvalidInput):
        ask()
