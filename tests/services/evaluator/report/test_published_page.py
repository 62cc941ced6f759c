from dataclasses import replace

from services.evaluator.report import write_published
from services.evaluator.report.published_page import page
from tests.services.evaluator.report.test_html import outline


def test_the_page_stands_alone_and_fetches_nothing():
    seen = outline(page())
    assert seen.fetched == []
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)


def test_exactly_the_two_cells_that_do_not_come_out_of_the_tables_are_marked():
    text = page()
    assert text.count('<small class="doubt">') == 2
    assert text.count("≠ .94 as printed") == 2


def test_every_scatter_that_the_tables_allow_is_drawn_with_names():
    text = page()
    assert text.count('class="panel"') == 6 + 3
    assert text.count('class="fit"') == 9
    assert text.count(">Qwen2.5-7B</text>") == 9


def test_one_s_own_runs_are_marked_and_no_part_of_the_line(two):
    own = replace(two, results=tuple(replace(r, benchmark=r.benchmark.removeprefix("mini-")) for r in two.results))
    text = page(own, "results")
    assert "demo, in results." in text
    assert text.count('<span class="badge">yours</span>') == 6
    assert text.count('class="own"') == 2 * 9
    assert "What the paper’s lines say of yours" in text
    assert page().count("n&nbsp;=&nbsp;8") == text.count("n&nbsp;=&nbsp;8") == 6


def test_an_experiment_without_a_place_is_told_so(two):
    assert "None of its runs is of AKB-2000" in page(two)


def test_an_evil_name_stays_text(two):
    evil = "<script>alert(1)</script>"
    own = replace(two, name=evil, results=tuple(replace(r, benchmark="akb", backbone=evil) for r in two.results[:1]))
    assert "script" not in outline(page(own)).tags


def test_write_makes_the_file(tmp_path):
    write_published(tmp_path / "deep" / "published.html")
    assert (tmp_path / "deep" / "published.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
