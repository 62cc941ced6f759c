import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markupsafe import escape

from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.report import write
from services.evaluator.report.html import ANSWER_SHOWN, ITEMS_SHOWN, page
from services.evaluator.result import Experiment, Point, measure
from tests.services.evaluator.sample import experiment

VOID = {"meta", "br", "line", "rect", "path", "polyline", "circle"}


class Outline(HTMLParser):
    """Checks that tags close in order, and gathers what a page would fetch or run."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "data", "action", "srcset")]
        self.fetched += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    return parser


def asked(text: str, num_items: int = 1, answer: str | None = "Rain", **changes) -> Experiment:
    items = tuple(
        Item(id=f"i{n}", question="What?", choices=("Rain", "Thunder"), answer=answer) for n in range(num_items)
    )
    benchmark = Benchmark(name="tiny", version="1", sha256="ab", items=items, breakdowns=())
    answers = {item.id: Answer(text=text, finish_reason="stop") for item in items}
    result = measure(
        benchmark, answers, setting="text", backbone="model", fingerprint="cd", prompt="letters", parameters={}
    )
    return Experiment(name="tiny", results=(replace(result, **changes),))


def test_the_page_is_well_formed_and_fetches_and_runs_nothing():
    seen = outline(page(experiment()))
    assert seen.fetched == []
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)


def test_the_style_sheet_fetches_nothing_and_serves_dark_and_print():
    style = page(experiment()).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style>{{ 7 * 7 }}"])
def test_untrusted_text_stays_text_wherever_it_stands(evil):
    sample = asked(evil, backbone=evil, fingerprint=evil, prompt=evil, parameters={evil: evil}, captioner=evil)
    sample = replace(sample, name=evil, lineage={evil: evil})
    text = page(sample)
    seen = outline(text)
    assert not {"script", "img"} & set(seen.tags)
    assert text.count("</style>") == 1
    assert str(escape(evil)) in text


def test_every_outcome_is_said_in_words_and_not_by_colour_alone():
    text = page(experiment())
    for word in ("correct", "wrong", "unparsed", "truncated", "failed"):
        assert re.search(rf'<td class="outcome {word}"><span aria-hidden="true">.</span> {word}', text)


def test_a_failed_call_shows_its_error():
    assert "UNAVAILABLE: the replica did not answer" in page(experiment())


def test_every_table_has_a_caption_and_every_figure_a_description():
    text = page(experiment())
    assert len(re.findall(r"<caption>", text)) == len(re.findall(r'<table(?! class="answers")', text))
    assert len(re.findall(r"<figcaption>", text)) == len(re.findall(r"<svg[^>]*aria-label", text)) == 2


def test_the_same_experiment_gives_the_same_page():
    assert page(experiment()) == page(experiment())


def test_times_stand_in_a_section_of_their_own():
    sample = experiment()
    before, _, after = page(sample).partition('<section id="timings">')
    assert "Items a second" in after
    assert "Items a second" not in before
    assert before in page(replace(sample, timings=()))[: len(before)]


def test_a_small_benchmark_is_given_with_a_word_of_caution():
    assert "How much this says" in page(experiment())


def test_withheld_answers_are_shown_and_not_scored():
    text = page(asked("(A) Rain", answer=None))
    assert "not scored" in text
    assert "withheld" in text
    assert "nan" not in text.partition("</style>")[2]


def test_long_answers_and_many_items_are_cut_with_a_note():
    text = page(asked("x" * (ANSWER_SHOWN + 1)))
    assert f"({ANSWER_SHOWN + 1} characters in all)" in text
    text = page(asked("A", num_items=ITEMS_SHOWN + 1))
    assert text.count("<article>") == ITEMS_SHOWN
    assert "the results file has them all" in text


def test_an_experiment_without_results_still_has_a_page():
    outline(page(Experiment(name="empty", results=())))
    outline(page(Experiment(name="curve", results=(), curve=(Point(step=1, loss=2.0),))))


def test_write_makes_the_folder_and_the_file(tmp_path):
    write(experiment(1), tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
