import io
from dataclasses import replace

import pytest
from rich.console import Console

from services.evaluator.report import show
from services.evaluator.result import Experiment


def shown(sample: Experiment, width: int = 140) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show(sample, console)
    return console.file.getvalue()


def test_the_overview_has_interval_chance_and_what_was_not_read(two):
    text = shown(two)
    assert "54.2 [45, 63]" in text
    assert "near chance" in text
    assert "10 unparsed" in text
    assert "1. of 2" in text
    assert "a guess" in text


def test_each_benchmark_has_a_table_with_groups_bounds_and_official_accuracy(two):
    text = shown(two)
    for words in ("mini-akb, n = 120, by category", "mini-mmau, n = 48, by task", "mini-mmar, n = 36, by modality"):
        assert words in text
    for head in ("Paralinguistic", "speech", "mix-sound-speech", "bounds", "official", "unread"):
        assert head in text


@pytest.mark.parametrize("width", [80, 100, 120, 140])
@pytest.mark.parametrize("name", ["one", "two", "controlled", "six"])
def test_no_line_is_wider_than_the_console_and_no_number_is_cut(name, width, request):
    text = shown(request.getfixturevalue(name), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "33.3" in text


def test_what_follows_the_accuracies_is_there(controlled, six):
    text = shown(controlled)
    for title in (
        "Controls: the same items",
        "The same run, asked again",
        "What so many items can tell",
        "What it took",
    ):
        assert title in text
    assert "cannot be said" in text
    assert "lost by choosing" in shown(six)


def test_brackets_in_a_name_are_no_markup(one):
    results = tuple(replace(each, backbone="[red]m") for each in one.results)
    assert "[red]m" in shown(Experiment(name="x", results=results))


def test_an_experiment_without_results_says_so():
    assert "No results" in shown(Experiment(name="empty", results=()))
