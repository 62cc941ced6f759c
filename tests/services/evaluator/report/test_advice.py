import pytest

from services.evaluator.report.advice import advice
from services.evaluator.report.grid import grid
from services.evaluator.report.pairs import comparisons
from services.evaluator.stats import half_width, items_for, items_to_tell


def test_each_benchmark_says_what_its_size_can_tell(six):
    table = grid(six)
    found = {each.benchmark: each for each in advice(table, comparisons(table))}
    assert list(found) == ["mini-akb", "mini-mmau", "mini-mmar"]
    akb = found["mini-akb"]
    assert akb.half_width == pytest.approx(half_width(120, akb.accuracy))
    assert akb.for_fine == items_for(0.02, akb.accuracy)
    assert akb.is_measured
    assert akb.tellable < found["mini-mmar"].tellable


def test_a_run_alone_is_advised_with_an_assumed_discordance(one):
    table = grid(one)
    assert not next(each for each in advice(table, []) if each.benchmark == "mini-akb").is_measured


def test_the_closest_pair_takes_as_many_items_as_its_gap_and_discordance_say(six):
    table = grid(six)
    compared = comparisons(table)
    for each in advice(table, compared):
        pair = next(p for p in compared if p.first.column.benchmark == each.benchmark and abs(p.value) == each.gap)
        assert pair.first.column.setting == pair.second.column.setting
        assert each.for_gap == items_to_tell(each.gap, pair.discordance) > each.n
