from dataclasses import replace

import pytest

from services.evaluator.report.grid import grid
from services.evaluator.report.reading import disagreements, positions, reader, readers


def test_extractors_stand_in_the_order_in_which_they_are_asked(two):
    assert readers(grid(two)) == ["phrase", "letter", "text", "mention"]


def test_an_extractor_that_read_nothing_has_zeros(one):
    run = grid(one).runs[0]
    assert reader(run, "oracle").read == 0
    assert reader(run, "letter").read > 0


def test_only_runs_whose_extractors_disagree_are_listed(one):
    table = grid(one)
    listed = {id(run.result) for run, _ in disagreements(table)}
    assert listed == {id(run.result) for run in table.runs if run.result.audit.pairs}


def test_shares_of_the_places_add_up_and_bias_is_what_would_have_to_move(two):
    for each in positions(grid(two)):
        assert sum(letter.chosen for letter in each.letters) == pytest.approx(1)
        assert sum(letter.gold for letter in each.letters) == pytest.approx(1)
        assert each.shift == pytest.approx(sum(abs(x.chosen - x.gold) for x in each.letters) / 2)


def test_one_who_always_says_a_is_biased(one):
    run = one.results[0]
    audit = replace(run.audit, chosen={"A": 120}, gold={"A": 30, "B": 90}, right={"A": 30, "B": 0})
    (found,) = positions(grid(replace(one, results=(replace(run, audit=audit),))))
    assert found.shift == pytest.approx(0.75)
    assert [letter.right for letter in found.letters] == [1.0, 0.0]


def test_a_run_with_moved_options_stands_right_after_its_own(controlled):
    found = positions(grid(controlled))
    moved = [at for at, each in enumerate(found) if each.agreeing is not None]
    assert len(moved) == 2
    for at in moved:
        assert found[at].run.result.control == "shuffle"
        assert found[at - 1].run.backbone == found[at].run.backbone
        assert found[at - 1].run.result.control == "none"
        signs = zip(found[at].run.result.outcomes, found[at - 1].run.result.outcomes, strict=True)
        assert found[at].agreeing == pytest.approx(sum((a == "c") == (b == "c") for a, b in signs) / 120)


def test_withheld_answers_have_no_positions(one):
    run = one.results[0]
    bare = replace(run, audit=replace(run.audit, gold={}, right={}))
    assert positions(grid(replace(one, results=(bare,)))) == []
