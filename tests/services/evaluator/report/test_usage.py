from dataclasses import replace

import pytest

from services.evaluator.cost import Cost
from services.evaluator.report.grid import grid
from services.evaluator.report.usage import totals, used


def test_each_run_says_what_it_took_and_each_benchmark_the_sum(two):
    rows = used(two, grid(two), {})
    assert len(rows) == 10
    sums = {total.name: total for total in totals(rows)}
    assert list(sums) == ["mini-akb", "mini-mmau", "mini-mmar"]
    assert sums["mini-akb"].asked == 2 * 115
    assert sums["mini-mmau"].captions == 2 * 48
    assert sums["mini-akb"].items_per_s == pytest.approx(115 / 120 * 7.3)


def test_costs_add_up_and_a_missing_price_is_not_nothing(two):
    answers = [each.answers for each in two.usage]
    costs = {name: Cost(usd=1.0, gpu_s=10.0) for name in answers}
    rows = used(two, grid(two), costs)
    assert totals(rows)[0].cost == Cost(usd=2.0, gpu_s=20.0)
    known_by_half = used(two, grid(two), {answers[0]: Cost(usd=1.0, gpu_s=10.0)})
    assert totals(known_by_half)[0].cost == Cost(usd=None, gpu_s=10.0)
    assert totals(used(two, grid(two), {}))[0].cost is None


def test_a_run_that_asked_nothing_has_no_speed(two):
    idle = replace(two, usage=(replace(two.usage[0], asked=0),))
    (row,) = used(idle, grid(idle), {})
    assert row.items_per_s is None
