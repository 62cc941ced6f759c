from dataclasses import replace

import pytest

from services.evaluator.report.summary import (
    audit,
    bracket,
    comparisons,
    findings,
    grid,
    percent,
    title,
    verdict,
    widest,
)
from services.evaluator.scoring import Tally
from services.evaluator.stats import Interval
from tests.services.evaluator.sample import experiment


def test_the_grid_goes_from_text_over_cascade_to_audio():
    table = grid(experiment())
    assert [(column.setting, column.benchmark) for column in table.columns] == [
        ("text", "mini-akb"),
        ("cascade", "mini-mmau"),
        ("cascade", "mini-mmar"),
        ("audio", "mini-mmau"),
        ("audio", "mini-mmar"),
    ]
    assert len(table.cells) == 10


def test_no_result_is_lost_that_shares_backbone_benchmark_and_setting():
    sample = experiment(1)
    (told,) = [each for each in sample.results if each.setting == "cascade" and each.benchmark == "mini-mmau"]
    (heard,) = [each for each in sample.results if each.setting == "audio" and each.benchmark == "mini-mmau"]
    more = (
        replace(told, captioner="whisper"),
        replace(heard, checkpoint="step 0"),
        replace(heard, checkpoint="step 1"),
    )
    table = grid(replace(sample, results=sample.results + more))
    assert len(table.cells) == len(sample.results) + len(more)
    assert {column.variant for column in table.columns} >= {"whisper", "step 0", "step 1"}


def test_one_name_for_two_backbones_is_told_apart_by_fingerprint():
    sample = experiment(1)
    other = replace(sample.results[0], fingerprint="0123456789")
    table = grid(replace(sample, results=(*sample.results, other)))
    assert len(table.backbones) == 2
    assert table.backbones[1].endswith(" 01234567")


@pytest.mark.parametrize(
    ("correct", "words"), [(40, "above chance"), (12, "near chance"), (9, "near chance"), (2, "below chance")]
)
def test_an_accuracy_near_chance_is_said_to_be_near_chance(correct, words):
    assert verdict(Tally(n=40, correct=correct, wrong=40 - correct), 0.25) == words


def test_a_finding_gives_count_interval_and_chance():
    sentences = dict(findings(grid(experiment(1))))
    assert list(sentences) == ["text", "cascade", "audio"]
    assert "of 120 questions of mini-akb" in sentences["text"]
    assert "not to be told from guessing (30.6" in sentences["text"]
    assert sentences["cascade"].count("[") == 2


def test_the_title_says_who_and_what():
    assert title(grid(experiment(1))) == "What SmolLM2-135M-Instruct knows, is told and hears of sound"
    assert title(grid(experiment(2))) == "What two language models know, are told and hear of sound"


def test_runs_are_compared_over_the_same_items_alone():
    compared = comparisons(experiment())
    assert len(compared) == 1 + 2 * 4
    assert [pair.paired.p for pair in compared] == sorted(pair.paired.p for pair in compared)
    assert all(pair.adjusted_p >= pair.paired.p for pair in compared)


def test_the_audit_counts_every_answer_that_was_read():
    for result in experiment().results:
        audited = audit(result)
        assert sum(audited.read_by.values()) == result.total.n - result.total.unread
        assert result.total.correct - audited.ours_alone + audited.official_alone == result.total.official


def test_the_widest_interval_is_found():
    result, interval = widest(grid(experiment())) or pytest.fail("nothing scored")
    assert result.benchmark == "mini-mmar"
    assert interval.high - interval.low > 0.25


def test_numbers_are_written_in_percent():
    assert percent(0.3333) == "33.3"
    assert percent(None) == percent(float("nan")) == "–"
    assert bracket(Interval(low=0.256, high=0.421)) == "[26, 42]"
