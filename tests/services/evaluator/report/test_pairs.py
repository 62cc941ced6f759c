from dataclasses import replace

import pytest

from services.evaluator.report.grid import grid
from services.evaluator.report.pairs import comparisons, controls, samples


def test_runs_are_compared_over_the_same_items_alone(two):
    compared = comparisons(grid(two))
    assert len(compared) == 1 + 2 * 4
    assert [pair.paired.p for pair in compared] == sorted(pair.paired.p for pair in compared)
    assert all(pair.adjusted_p >= pair.paired.p for pair in compared)
    assert all(pair.interval.low <= pair.value <= pair.interval.high for pair in compared)


def test_mcnemar_counts_items_that_one_run_alone_got_right(two):
    first, second = (each for each in two.results if each.setting == "text")
    changed = (replace(first, outcomes="ccwu" + first.outcomes[4:]), replace(second, outcomes="cwcf" + "c" * 116))
    pair = comparisons(grid(replace(two, results=changed)))[0]
    wrong = sum(sign != "c" for sign in changed[0].outcomes[4:])
    assert (pair.paired.only_first, pair.paired.only_second) == (1, 1 + wrong)


def test_controls_and_further_samples_are_in_no_comparison(controlled, two):
    assert len(comparisons(grid(controlled))) == len(comparisons(grid(two)))


def test_a_control_stands_beside_the_run_that_it_controls(controlled):
    found = controls(grid(controlled))
    assert len(found) == 4
    for pair in found:
        assert pair.first.backbone == pair.second.backbone
        assert (pair.first.result.control, pair.first.result.sample) == ("none", 0)
        if pair.second.result.control == "blind":
            assert pair.first.column.setting == "audio"
        else:
            assert pair.first.column.setting == pair.second.column.setting == "text"


def test_a_control_without_its_run_is_left_out(controlled):
    blind = tuple(each for each in controlled.results if each.control == "blind")
    assert controls(grid(replace(controlled, results=blind))) == []


def test_samples_have_a_mean_a_spread_and_what_did_not_change(controlled):
    found = samples(grid(controlled))
    assert [each.run.backbone for each in found] == ["SmolLM2-135M-Instruct", "Qwen3-0.6B"]
    for each in found:
        assert len(each.accuracies) == 3
        assert min(each.accuracies) < each.mean < max(each.accuracies)
        assert each.sd > 0
        assert 0 < each.steady < each.n == 120


def test_equal_samples_have_no_spread_and_are_steady(one):
    first = one.results[0]
    (again,) = samples(grid(replace(one, results=(first, replace(first, sample=1)))))
    assert again.sd == pytest.approx(0)
    assert again.steady == again.n


def test_one_sample_is_no_table(two):
    assert samples(grid(two)) == []
