import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from earwitness.errors import InvalidInput
from services.evaluator.compare import compare, gate
from services.evaluator.stats import holm, mcnemar, newcombe
from tests.services.evaluator.runs import run


def shown(lost: int, gained: int, both: int = 80, neither: int = 10):
    """A candidate and its baseline."""
    candidate = "w" * lost + "c" * gained + "c" * both + "w" * neither
    baseline = "c" * lost + "w" * gained + "c" * both + "w" * neither
    return run(candidate), run(baseline)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("cwutf"), st.sampled_from("cwutf")), min_size=1))
def test_only_correct_counts_as_right(pairs):
    first, second = ("".join(signs) for signs in zip(*pairs, strict=True))
    found = compare(run(first), run(second))
    assert found.total.paired == mcnemar([sign == "c" for sign in first], [sign == "c" for sign in second])
    assert found.total.value == pytest.approx((first.count("c") - second.count("c")) / len(pairs))
    assert [first[place] + second[place] for place in found.only_first].count("cc") == 0
    assert all(first[place] == "c" for place in found.only_first)
    assert all(second[place] == "c" for place in found.only_second)
    assert len(found.only_first) - len(found.only_second) == first.count("c") - second.count("c")
    assert found.total.value in found.total.interval


def test_the_flips_are_listed_by_their_place_in_the_benchmark():
    found = compare(run("c-wcu"), run("w-ccc"))
    assert (found.only_first, found.only_second) == ((0,), (2, 4))
    assert (found.total.n, found.total.first, found.total.second) == (4, 2, 3)
    assert found.total.interval == newcombe(1, 1, 2, 0)


def test_failed_calls_are_counted_beside_the_difference():
    assert compare(run("cff"), run("ccf")).failed == (2, 1)


def test_groups_are_compared_each_for_itself_and_corrected_by_key():
    first, second = "c" * 8 + "w" * 4, "w" * 8 + "cccw"
    groups = [{"task": "music", "level": "easy"}] * 8 + [{"task": "speech"}] * 4
    found = compare(run(first), run(second), groups)
    music, speech = found.groups["task"]["music"], found.groups["task"]["speech"]
    assert (music.value, music.n, speech.value, speech.n) == (1.0, 8, -0.75, 4)
    assert [music.adjusted_p, speech.adjusted_p] == holm([music.paired.p, speech.paired.p])
    assert list(found.groups["level"]) == ["easy"]
    assert found.groups["level"]["easy"].adjusted_p == music.paired.p
    assert sum(each.n for each in found.groups["task"].values()) == found.total.n


@pytest.mark.parametrize(
    ("first", "second", "groups", "why"),
    [
        (run("cw"), run("cw", sha256="other"), (), "different items"),
        (run("cw-"), run("cww"), (), "scored on different items, 2 and 3"),
        (run("cw-"), run("c-w"), (), "scored on different items"),
        (run("cw"), run("cww"), (), "scored on different items"),
        (run("--"), run("--"), (), "no item was scored"),
        (run("cw"), run("cw"), [{}], "1 groups for 2 items"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(first, second, groups, why):
    with pytest.raises(InvalidInput, match=why):
        compare(first, second, groups)


def test_a_drop_that_luck_does_not_explain_fails():
    verdict = gate(*shown(lost=9, gained=1))
    assert (verdict.passed, verdict.reason) == (False, "drop")
    assert verdict.p == pytest.approx(binomtest(9, 10, alternative="greater").pvalue)
    assert verdict.drop == pytest.approx(0.08)


def test_a_drop_that_luck_explains_passes_and_says_what_could_have_been_seen():
    verdict = gate(*shown(lost=6, gained=4))
    assert (verdict.passed, verdict.reason) == (True, "drop within luck")
    # Of ten coins, nine or more alike on one side are rarer than 5 %, eight are not.
    assert verdict.smallest_drop == pytest.approx(0.08)
    assert verdict.sentence == (
        "Passed, drop within luck: 6 items lost and 4 gained of 100, -2.0 points (p = 0.38 for a loss by luck); "
        "the smallest drop that these items could have shown is 8 points."
    )


def test_a_gain_or_nothing_passes():
    assert gate(*shown(lost=1, gained=9)).reason == "no drop"
    assert gate(*shown(lost=0, gained=0)).reason == "no drop"
    assert gate(*shown(lost=1, gained=9)).passed


def test_four_items_that_are_all_lost_are_too_few_to_tell_and_five_are_not():
    few = gate(*shown(lost=4, gained=0))
    assert (few.passed, few.reason) == (True, "too few changes to tell")
    assert few.smallest_drop == pytest.approx(5 / 94)
    assert gate(*shown(lost=5, gained=0)).reason == "drop"


def test_an_allowed_drop_passes_however_sure_it_is():
    candidate, baseline = shown(lost=10, gained=0, both=490, neither=500)
    assert not gate(candidate, baseline).passed
    assert gate(candidate, baseline, max_drop_points=1.0).reason == "drop within what is allowed"
    assert gate(candidate, baseline, max_drop_points=1.0).passed
    assert not gate(candidate, baseline, max_drop_points=0.99).passed


def test_a_stricter_alpha_needs_a_clearer_drop():
    assert not gate(*shown(lost=9, gained=1)).passed
    assert gate(*shown(lost=9, gained=1), alpha=0.01).reason == "drop within luck"


def test_a_drop_that_failed_calls_make_does_not_pass_and_is_named():
    verdict = gate(run("f" * 8 + "c" * 40 + "w" * 10), run("c" * 8 + "c" * 40 + "w" * 10))
    assert (verdict.passed, verdict.reason) == (False, "failed calls")
    assert "8 of the candidate's calls failed" in verdict.sentence
    assert gate(run("f" + "w" * 8 + "c" * 40), run("c" * 49)).reason == "drop"


def test_a_set_too_small_for_any_drop_says_so():
    verdict = gate(run("www"), run("ccc"))
    assert (verdict.passed, verdict.reason, verdict.smallest_drop) == (True, "too few changes to tell", None)
    assert verdict.sentence.endswith("; so few items could have shown no drop.")


@pytest.mark.parametrize("options", [{"max_drop_points": -1.0}, {"alpha": 0.0}, {"alpha": 1.0}])
def test_a_gate_that_makes_no_sense_is_refused(options):
    with pytest.raises(InvalidInput):
        gate(*shown(lost=1, gained=1), **options)
