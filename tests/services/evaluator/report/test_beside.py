from dataclasses import replace

import pytest

from services.evaluator import published
from services.evaluator.report.beside import AVERAGE, captioners, forecasts, placed, sheets
from services.evaluator.result import Experiment


@pytest.fixture
def own(two) -> Experiment:
    """As if the two backbones had been asked the paper's benchmarks."""
    return replace(two, results=tuple(replace(r, benchmark=r.benchmark.removeprefix("mini-")) for r in two.results))


def cell(sheet, name, column, group=AVERAGE):
    at = next(at for at, head in enumerate(sheet.heads) if (head.column, head.group) == (column, group))
    return next(line for line in sheet.lines if line.name == name).shares[at]


def test_every_number_of_the_paper_s_tables_stands_in_them_as_printed():
    numbers = 0
    for sheet in sheets(None):
        for head in sheet.heads:
            for name, result in published.load().columns[head.column].rows.items():
                printed = result.accuracy if head.group == AVERAGE else result.groups[head.group]
                share = cell(sheet, name, head.column, head.group)
                assert f"{100 * share.accuracy:.{head.digits}f}" == f"{printed:.{head.digits}f}"
                assert round(printed, head.digits) == printed
                numbers += 1
    assert numbers == 17 * 7 + 2 * 17 * 4 + 2 * 8


def test_the_paper_s_best_is_ranked_first():
    first, second, third = sheets(None)
    assert cell(first, "Gemini-2.5-Pro", "AKB").rank.label == "1"
    assert cell(second, "GPT-5", "MMAU_T").rank.label == "1"
    assert cell(third, "Qwen2.5-7B", "MMAU_A").rank.shade == "1.00"


def test_other_recipes_stand_apart_and_unranked():
    third = sheets(None)[2]
    assert [line.name for line in third.apart][:2] == ["Gemini-2.5-Pro (Audio)", "Audio Flamingo 3"]
    assert all(share.rank is None for line in third.apart for share in line.shares)


def test_captioners_are_ranked_among_themselves():
    assert cell(captioners(), "Gemini-caption", "MMAR_T").rank.label == "1"
    assert len(captioners().lines) == 4


def test_one_s_own_runs_are_marked_ranked_and_given_an_interval_and_their_n(own):
    first = sheets(own)[0]
    mine = [line for line in first.lines if line.is_own]
    assert [line.name for line in mine] == ["SmolLM2-135M-Instruct", "Qwen3-0.6B"]
    share = cell(first, "Qwen3-0.6B", "AKB")
    assert (share.rank.of, share.n) == (19, 120)
    assert share.interval.low < share.accuracy < share.interval.high
    assert cell(sheets(own)[1], "Qwen3-0.6B", "MMAU_T", "Speech").n == 16


def test_other_benchmarks_and_controls_have_no_place_among_the_paper_s(two, own):
    assert placed(two) == []
    assert len(placed(own)) == 10
    blind = replace(own, results=tuple(replace(each, control="shuffle", rotation=1) for each in own.results))
    assert placed(blind) == []


def test_the_paper_s_lines_foretell_audio_from_text(own):
    found = forecasts(own)
    assert len(found) == 2 * 3 * 2
    for each in found:
        assert each.predicted.interval.low <= each.predicted.value <= each.predicted.interval.high
        assert each.measured is not None
    text_only = replace(own, results=tuple(each for each in own.results if each.setting == "text"))
    assert [each.measured for each in forecasts(text_only)] == [None] * 4
