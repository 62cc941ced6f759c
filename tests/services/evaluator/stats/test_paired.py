from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from earwitness.errors import InvalidInput
from services.evaluator.stats import Interval, Paired, exact, holm, mcnemar, newcombe, ties, worse
from services.evaluator.stats.paired import Ties, tied_sets

NAMES = "ABCDEFG"


def test_mcnemar_looks_only_at_the_items_on_which_the_runs_differ():
    first, second = [True] * 10 + [False] * 2, [False] * 10 + [True] * 2
    # Twice the chance of at most 2 heads in 12: (1 + 12 + 66) of 4096.
    assert mcnemar(first, second) == Paired(only_first=10, only_second=2, p=pytest.approx(158 / 4096))
    assert mcnemar(first + [True] * 500, second + [True] * 500).p == pytest.approx(158 / 4096)
    assert mcnemar(first, first) == Paired(only_first=0, only_second=0, p=1.0)


def test_mcnemar_refuses_runs_over_different_items():
    with pytest.raises(ValueError, match="shorter"):
        mcnemar([True], [])


@pytest.mark.parametrize(("gained", "lost"), [(0, 5), (3, 9), (7, 7), (40, 61), (9, 3)])
def test_the_exact_tests_are_scipys_binomial_tests(gained, lost):
    assert exact(gained, lost).p == pytest.approx(binomtest(gained, gained + lost).pvalue)
    assert worse(gained, lost) == pytest.approx(binomtest(gained, gained + lost, alternative="less").pvalue)


def test_holm_multiplies_the_smallest_by_all_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_newcombes_interval_is_the_published_one():
    # Airway hyper-responsiveness before and after transplantation (Bentur et al., 2009), in M. W. Fagerland,
    # S. Lydersen and P. Laake, Stat. Med. 33, 2014: -0.286 (-0.507 to -0.026).
    interval = newcombe(1, 1, 7, 12)
    assert (interval.low, interval.high) == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_newcombes_interval_is_narrower_the_more_the_runs_go_together():
    # Method 10 written out once more, for runs that share 50 right and 33 wrong answers, with scipy's Wilson intervals.
    first, second = binomtest(62, 100).proportion_ci(method="wilson"), binomtest(55, 100).proportion_ci(method="wilson")
    phi = (50 * 33 - 12 * 5 - 50) / (62 * 38 * 55 * 45) ** 0.5
    low = np.array([0.62 - first.low, second.high - 0.55])
    high = np.array([first.high - 0.62, 0.55 - second.low])
    together = np.array([[1, -phi], [-phi, 1]])
    interval = newcombe(50, 12, 5, 33)
    assert interval.low == pytest.approx(0.07 - np.sqrt(low @ together @ low))
    assert interval.high == pytest.approx(0.07 + np.sqrt(high @ together @ high))


def test_newcombes_interval_turns_with_the_runs_and_stays_possible():
    for table in [(1, 1, 7, 12), (20, 0, 0, 5), (0, 0, 9, 0), (3, 0, 0, 0)]:
        both, only_first, only_second, neither = table
        interval, turned = newcombe(*table), newcombe(both, only_second, only_first, neither)
        assert (interval.low, interval.high) == pytest.approx((-turned.high, -turned.low))
        assert -1 <= interval.low < interval.high <= 1
    assert newcombe(0, 0, 0, 0) == Interval(low=-1.0, high=1.0)


def test_newcombes_interval_holds_the_true_difference_19_times_in_20():
    generator = np.random.default_rng(11)
    tables = generator.multinomial(200, [0.55, 0.12, 0.07, 0.26], size=4000)
    held = np.mean([0.05 in newcombe(*map(int, table)) for table in tables])
    assert 0.94 < held < 0.965


@settings(deadline=None)
@given(
    st.integers(0, 7).flatmap(
        lambda n: st.tuples(st.just(NAMES[:n]), st.sets(st.sampled_from(list(combinations(NAMES[:n], 2)) or [None])))
    )
)
def test_names_share_a_tied_set_exactly_if_they_do_not_differ(drawn):
    order, differing = drawn[0], {pair for pair in drawn[1] if pair}
    sets = tied_sets(order, differing)
    for pair in combinations(order, 2):
        assert any({*pair} <= {*members} for members in sets) == (pair not in differing)
    assert {name for members in sets for name in members} == set(order)
    assert not [1 for one, other in combinations(sets, 2) if {*one} <= {*other} or {*other} <= {*one}]
    assert list(sets) == sorted(sets)


def test_a_run_between_two_others_is_tied_with_both():
    assert tied_sets("ABC", {("A", "C")}) == (("A", "B"), ("B", "C"))
    shown = Ties(order=("A", "B", "C"), p={}, sets=(("A", "B"), ("B", "C")), with_best=("A", "B"))
    assert [shown.letters(name) for name in "ABC"] == ["a", "ab", "b"]


def test_ties_rank_the_runs_and_find_those_that_differ():
    runs = {
        "low": [False] * 100,
        "high": [True] * 60 + [False] * 40,
        "also high": [True] * 58 + [False] * 40 + [True] * 2,
    }
    found = ties(runs)
    assert found.order == ("high", "also high", "low")
    assert found.sets == (("high", "also high"), ("low",))
    assert found.with_best == ("high", "also high")
    # 60 against 0 discordant items twice, and 2 against 2: Holm multiplies by 3, 2 and 1.
    assert found.p["high", "low"] == pytest.approx(3 * 2 * 0.5**60)
    assert found.p["high", "also high"] == 1.0


def test_equal_runs_are_told_apart_by_luck_at_most_1_time_in_20():
    generator = np.random.default_rng(2)
    trials = 300
    wrong = 0
    for _ in range(trials):
        hardness = generator.random((80, 1))
        correct = generator.random((80, 5)) < hardness
        found = ties({name: correct[:, place].tolist() for place, name in enumerate("ABCDE")})
        wrong += len(found.sets) > 1
    assert wrong / trials < 0.05


def test_ties_of_no_run_and_of_different_items():
    assert ties({}) == Ties(order=(), p={}, sets=(), with_best=())
    assert ties({"A": [True]}).sets == (("A",),)
    with pytest.raises(InvalidInput):
        ties({"A": [True], "B": []})
