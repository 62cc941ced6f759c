from itertools import pairwise

import pytest

from earwitness.errors import InvalidInput
from services.evaluator.stats import Interval, Paired, fisher, holm, mcnemar, pearson, spearman, wilson

# From the tables of arXiv:2603.19195: Qwen2.5-7B, Qwen3-14B, -4B, -8B, Phi-4-14B, -mini-4B, OLMo-3-7B, Llama-3.1-8B.
AKB = [80.7, 85.05, 82.0, 78.95, 86.35, 70.0, 69.05, 68.1]
MMAU_TEXT = [64.5, 66.2, 66.3, 66.8, 62.9, 56.1, 57.7, 53.6]
MMAR_TEXT = [61.4, 64.3, 61.0, 62.0, 62.6, 54.4, 53.2, 51.6]
MMAU_AUDIO = [66.6, 66.2, 62.9, 61.7, 61.1, 61.0, 56.9, 56.4]
MMAR_AUDIO = [47.3, 52.9, 49.2, 53.0, 52.5, 44.2, 44.9, 47.7]


@pytest.mark.parametrize(
    ("xs", "ys", "published"),
    [
        (AKB, MMAU_AUDIO, 0.75),
        (MMAU_TEXT, MMAU_AUDIO, 0.77),
        (MMAR_TEXT, MMAU_AUDIO, 0.82),
        (AKB, MMAR_AUDIO, 0.79),
        (MMAU_TEXT, MMAR_AUDIO, 0.71),
        (MMAR_TEXT, MMAR_AUDIO, 0.80),
        (MMAU_AUDIO, MMAR_AUDIO, 0.40),
    ],
)
def test_the_papers_correlations_between_text_and_audio_come_out(xs, ys, published):
    assert pearson(xs, ys).r == pytest.approx(published, abs=0.0051)


def test_eight_backbones_leave_a_correlation_of_82_wide_open():
    assert fisher(0.82, 8).low == pytest.approx(0.27, abs=0.005)
    assert fisher(0.82, 8).high == pytest.approx(0.97, abs=0.005)


def test_a_wilson_interval_is_the_textbooks():
    # 8 of 10: centre (0.8 + 1.9207 / 10) / 1.38415 = 0.71674, reach 1.95996 / 1.38415 * sqrt(0.016 + 0.0096037).
    interval = wilson(8, 10)
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_a_wilson_interval_stays_within_0_and_1_and_holds_the_share():
    for n in (1, 4, 100):
        intervals = [wilson(k, n) for k in range(n + 1)]
        assert all(0 <= each.low <= k / n <= each.high <= 1 for k, each in enumerate(intervals))
        assert all(a.low < b.low and a.high < b.high for a, b in pairwise(intervals[:-1]))
    assert wilson(0, 0) == Interval(low=0.0, high=1.0)


def test_mcnemar_looks_only_at_the_items_on_which_the_runs_differ():
    first, second = [True] * 10 + [False] * 2, [False] * 10 + [True] * 2
    # Twice the chance of at most 2 heads in 12: (1 + 12 + 66) of 4096.
    assert mcnemar(first, second) == Paired(only_first=10, only_second=2, p=pytest.approx(158 / 4096))
    assert mcnemar(first + [True] * 500, second + [True] * 500).p == pytest.approx(158 / 4096)
    assert mcnemar(first, first) == Paired(only_first=0, only_second=0, p=1.0)


def test_mcnemar_refuses_runs_over_different_items():
    with pytest.raises(ValueError, match="shorter"):
        mcnemar([True], [])


def test_holm_multiplies_the_smallest_by_all_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_spearman_sees_order_alone_and_shares_tied_ranks():
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]).r == pytest.approx(1.0)
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    assert spearman([1, 2, 2, 4], [1, 2, 3, 4]).r == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_spearmans_interval_is_wider_than_pearsons_at_the_same_r():
    assert fisher(0.8, 20, widening=1.1).low < fisher(0.8, 20).low


def test_bootstrap_intervals_come_out_the_same_each_time_and_hold_r():
    first, second = pearson(MMAR_TEXT, MMAU_AUDIO), pearson(MMAR_TEXT, MMAU_AUDIO)
    assert first == second
    assert first.r in first.bootstrap
    assert first.bootstrap != pearson(MMAR_TEXT, MMAU_AUDIO, seed=1).bootstrap


def test_three_pairs_say_nothing_about_r():
    assert pearson([1, 2, 3], [1, 3, 2]).fisher == Interval(low=-1.0, high=1.0)


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 2])])
def test_no_correlation_is_made_up_where_there_is_none(xs, ys):
    with pytest.raises(InvalidInput):
        pearson(xs, ys)
