import io
from dataclasses import replace

import pytest
from rich.console import Console

from services.evaluator.report import show_published


def shown(width: int, experiment=None) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show_published(console, experiment)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_console_and_no_number_is_cut(width):
    text = shown(width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "96.05" in text


def test_all_tables_fit_eighty_columns_with_their_groups():
    text = shown(80)
    for number in ("97.45", "72.97", "81.97", "66.6", "73.3"):
        assert number in text


def test_what_does_not_reproduce_is_marked():
    assert shown(120).count("≠ .94") == 2


def test_one_s_own_rows_are_marked_and_foretold(two):
    own = replace(two, results=tuple(replace(r, benchmark=r.benchmark.removeprefix("mini-")) for r in two.results))
    text = shown(100, own)
    assert text.count("▸ Qwen3-0.6B") == 3
    assert "lines say of yours" in text
    assert "No run of demo" in shown(100, two)
