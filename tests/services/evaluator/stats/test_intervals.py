from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest

from earwitness.errors import InvalidInput
from services.evaluator.stats import Interval, bootstrap, bootstrap_items, percentiles, resampled_shares, wilson


def mean(samples):
    return samples[..., 0].mean(axis=1)


def test_a_wilson_interval_is_the_textbooks():
    # 8 of 10: centre (0.8 + 1.9207 / 10) / 1.38415 = 0.71674, reach 1.95996 / 1.38415 * sqrt(0.016 + 0.0096037).
    interval = wilson(8, 10)
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (1, 9), (650, 1000), (1000, 1000)])
def test_a_wilson_interval_is_scipys(successes, n):
    theirs = binomtest(successes, n).proportion_ci(method="wilson")
    assert (wilson(successes, n).low, wilson(successes, n).high) == pytest.approx((theirs.low, theirs.high))


def test_a_wilson_interval_stays_within_0_and_1_and_holds_the_share():
    for n in (1, 4, 100):
        intervals = [wilson(k, n) for k in range(n + 1)]
        assert all(0 <= each.low <= k / n <= each.high <= 1 for k, each in enumerate(intervals))
        assert all(a.low < b.low and a.high < b.high for a, b in pairwise(intervals[:-1]))
    assert wilson(0, 0) == Interval(low=0.0, high=1.0)


def test_the_bootstrap_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(3).normal(size=400)
    interval = bootstrap(mean, [[value] for value in values])
    reach = 1.96 * values.std() / 20
    assert (interval.low, interval.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.01)


def test_a_bootstrap_comes_out_the_same_each_time_and_otherwise_with_another_seed():
    rows = [[value] for value in np.random.default_rng(0).normal(size=9)]
    assert bootstrap(mean, rows) == bootstrap(mean, rows) != bootstrap(mean, rows, seed=1)


def test_a_bootstrap_does_not_hold_all_resamples_at_once():
    largest = 0

    def statistic(samples):
        nonlocal largest
        largest = max(largest, samples.nbytes)
        return mean(samples)

    bootstrap(statistic, [[float(value)] for value in range(2000)])
    assert 2**20 < largest <= 2**25


def test_values_that_are_no_numbers_are_left_out_of_an_interval():
    values = np.array([1.0, np.nan, 1.0, np.inf])
    assert percentiles(values) == Interval(low=1.0, high=1.0)
    with pytest.raises(InvalidInput):
        percentiles(np.array([np.nan]))


def test_resampled_shares_spread_and_go_together_as_items_drawn_with_replacement_do():
    generator = np.random.default_rng(5)
    correct = generator.random((500, 1)) < [[0.3, 0.5, 0.9]]
    correct[:, 2] |= correct[:, 0]
    shares = resampled_shares(correct, seed=1)
    assert shares.shape == (10_000, 3)
    assert shares.mean(axis=0) == pytest.approx(correct.mean(axis=0), abs=1e-3)
    # The closed form: the covariance of the items' outcomes, over the number of items.
    expected = np.cov(correct.T, bias=True) / 500
    assert np.cov(shares.T) == pytest.approx(expected, abs=3e-5)
    assert expected[0, 1] > 1e-4


def test_pairs_drawn_together_make_a_difference_surer_than_either_share():
    correct = np.zeros((200, 2), dtype=bool)
    correct[:120] = True
    correct[120:130, 0] = True
    difference = bootstrap_items(lambda shares: shares[:, 0] - shares[:, 1], correct)
    share = bootstrap_items(lambda shares: shares[:, 0], correct)
    assert 0.05 in difference
    assert difference.high - difference.low < 0.5 * (share.high - share.low)


def test_without_items_nothing_is_drawn():
    with pytest.raises(InvalidInput):
        resampled_shares(np.zeros((0, 2), dtype=bool))
