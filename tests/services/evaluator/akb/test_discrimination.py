import math
from dataclasses import replace

import numpy as np
import pytest

from earwitness.errors import InvalidInput
from services.evaluator import result
from services.evaluator.akb.discrimination import Asked, Response, read, statistics
from services.evaluator.items import Answer
from services.evaluator.measurement import measure
from tests.services.evaluator import sample
from tests.services.evaluator.test_result import DESCRIPTION

ASKED = [Asked(item=f"i{at}", subcategory="s", answer="a", distractors=("b", "c", "d")) for at in range(3)]


def respondent(*choices):
    return [
        Response(item=each.item, right=choice == each.answer, choice=choice)
        for each, choice in zip(ASKED, choices, strict=True)
    ]


def test_an_item_is_judged_by_the_others_and_distractors_by_use():
    found = statistics(ASKED, [respondent("a", "a", "a"), respondent("a", "a", "b"), respondent("b", "", "b")])
    assert [each.right for each in found] == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    rest = np.array([[1, 1, 0], [2, 1, 0]], dtype=float)
    assert found[0].discrimination == pytest.approx(np.corrcoef(rest[0], rest[1])[0, 1])
    assert (dict(found[0].chosen), found[0].unused) == ({"a": 2, "b": 1}, ("c", "d"))
    assert found[1].chosen == {"a": 2}


def test_an_item_that_the_better_ones_miss_discriminates_below_zero():
    found = statistics(ASKED, [respondent("b", "a", "a"), respondent("a", "b", "b"), respondent("a", "a", "b")])
    assert found[0].discrimination < 0


def test_where_everybody_is_right_nothing_can_be_said():
    found = statistics(ASKED, [respondent("a", "a", "b"), respondent("a", "b", "a")])
    assert math.isnan(found[0].discrimination)


@pytest.mark.parametrize("respondents", [[], [respondent("a", "a", "a")[:2]], [respondent("a", "a", "a")[::-1]]])
def test_respondents_have_answered_the_same_questions(respondents):
    with pytest.raises(InvalidInput):
        statistics(ASKED, respondents)


@pytest.fixture
def folder(tmp_path):
    """Plain runs of two backbones, one of them a second time under a control."""
    benchmark, runs = sample.benchmark("mini-akb"), []
    for name, wrong, control in (("good", 0, "none"), ("worse", 12, "none"), ("good", 60, "shuffle")):
        answers = {
            item.id: Answer(text="nothing" if at < wrong else item.answer or "", finish_reason="stop")
            for at, item in enumerate(benchmark.items)
        }
        described = replace(DESCRIPTION, backbone=name, setting="text", control=control, captioner="")
        runs.append(measure(benchmark, answers, described, folder=tmp_path))
    result.save(result.Experiment(name="x", results=tuple(runs)), tmp_path)
    return tmp_path


def test_the_plain_run_of_each_backbone_is_read_from_results(folder):
    asked, respondents = read([folder], "mini-akb")
    assert len(asked) == 120 and asked[0].subcategory == "Topic 1"
    assert {name: sum(each.right for each in given) for name, given in respondents.items()} == {
        "good": 120,
        "worse": 108,
    }
    with pytest.raises(InvalidInput, match="no plain run"):
        read([folder], "open-akb")


def test_runs_of_two_versions_are_not_mixed(folder):
    experiment = result.load(folder)
    first, second, _ = experiment.results
    other = replace(second, benchmark_sha256="ef" * 32)
    result.save(replace(experiment, results=(first, other)), folder)
    with pytest.raises(InvalidInput, match="2 versions"):
        read([folder], "mini-akb")
