import numpy as np
import pytest
from scipy import stats as scipy_stats

from earwitness.errors import InvalidInput
from services.evaluator.stats import Interval, coefficients, fisher, kendall, matrix, pearson, spearman

# From the tables of arXiv:2603.19195: Qwen2.5-7B, Qwen3-14B, -4B, -8B, Phi-4-14B, -mini-4B, OLMo-3-7B, Llama-3.1-8B.
MMAR_TEXT = [61.4, 64.3, 61.0, 62.0, 62.6, 54.4, 53.2, 51.6]
MMAU_AUDIO = [66.6, 66.2, 62.9, 61.7, 61.1, 61.0, 56.9, 56.4]
TIED = [3.0, 1.0, 2.0, 2.0, 5.0, 4.0, 4.0, 2.0]


def test_pearson_and_its_fisher_interval_are_scipys():
    theirs = scipy_stats.pearsonr(MMAR_TEXT, MMAU_AUDIO)
    ours = pearson(MMAR_TEXT, MMAU_AUDIO)
    assert ours.r == pytest.approx(theirs.statistic)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.fisher.low, ours.fisher.high) == pytest.approx((low, high))


@pytest.mark.parametrize("ys", [MMAU_AUDIO, TIED])
def test_rank_correlations_are_scipys(ys):
    assert spearman(MMAR_TEXT, ys).r == pytest.approx(scipy_stats.spearmanr(MMAR_TEXT, ys).statistic)
    assert kendall(MMAR_TEXT, ys) == pytest.approx(scipy_stats.kendalltau(MMAR_TEXT, ys).statistic)


def test_eight_backbones_leave_a_correlation_of_82_wide_open():
    assert fisher(0.82, 8).low == pytest.approx(0.27, abs=0.005)
    assert fisher(0.82, 8).high == pytest.approx(0.97, abs=0.005)


def test_fishers_interval_holds_the_true_correlation_19_times_in_20():
    generator = np.random.default_rng(4)
    drawn = generator.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=(4000, 8))
    held = np.mean([0.7 in fisher(float(r), 8) for r in coefficients("pearson", drawn[..., 0], drawn[..., 1])])
    assert 0.94 < held < 0.96


def test_spearman_sees_order_alone_and_shares_tied_ranks():
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]).r == pytest.approx(1.0)
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    assert spearman([1, 2, 2, 4], [1, 2, 3, 4]).r == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_spearmans_interval_is_wider_than_pearsons_at_the_same_r():
    xs, ys = [1, 2, 3, 4, 5, 6], [1, 3, 2, 5, 4, 6]
    ranked, linear = spearman(xs, ys), pearson(xs, ys)
    assert ranked.r == pytest.approx(linear.r)
    assert ranked.fisher.low < linear.fisher.low


def test_bootstrap_intervals_come_out_the_same_each_time_and_hold_r():
    first, second = pearson(MMAR_TEXT, MMAU_AUDIO), pearson(MMAR_TEXT, MMAU_AUDIO)
    assert first == second
    assert first.r in first.bootstrap
    assert first.bootstrap != pearson(MMAR_TEXT, MMAU_AUDIO, seed=1).bootstrap


def test_three_pairs_say_nothing_about_r():
    assert pearson([1, 2, 3], [1, 3, 2]).fisher == Interval(low=-1.0, high=1.0)


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 2])])
@pytest.mark.parametrize("correlate", [pearson, spearman, kendall])
def test_no_correlation_is_made_up_where_there_is_none(correlate, xs, ys):
    with pytest.raises(InvalidInput):
        correlate(xs, ys)


def test_a_matrix_takes_the_rows_that_both_columns_have():
    names = "abcdefgh"
    columns = {
        "text": dict(zip(names, MMAR_TEXT, strict=True)) | {"only here": 99.0},
        "audio": dict(zip(names, MMAU_AUDIO, strict=True)),
        "two": {"a": 1.0, "b": 2.0},
        "same": dict.fromkeys(names, 1.0),
    }
    assert matrix(columns) == {("text", "audio"): pearson(MMAR_TEXT, MMAU_AUDIO)}
    assert matrix(columns, "spearman")["text", "audio"] == spearman(MMAR_TEXT, MMAU_AUDIO)
