import pytest

from services.evaluator.report.grid import grid
from services.evaluator.report.summary import findings, title, widest


def test_a_finding_gives_count_interval_and_chance(one):
    sentences = dict(findings(grid(one)))
    assert list(sentences) == ["text", "cascade", "audio"]
    assert "of 120 questions of mini-akb" in sentences["text"]
    assert "not to be told from guessing (30.6" in sentences["text"]
    assert sentences["cascade"].count("[") == 2


def test_findings_are_of_the_runs_and_not_of_their_controls(controlled):
    text = dict(findings(grid(controlled)))["text"]
    assert "blind" not in text
    assert "sample" not in text


def test_the_title_says_who_and_what(one, two):
    assert title(grid(one)) == "What SmolLM2-135M-Instruct knows, is told and hears of sound"
    assert title(grid(two)) == "What two language models know, are told and hear of sound"


def test_the_widest_interval_is_found(two):
    run, interval = widest(grid(two)) or pytest.fail("nothing scored")
    assert run.column.benchmark == "mini-mmar"
    assert interval.high - interval.low > 0.25
