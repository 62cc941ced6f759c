import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from services.evaluator.cost import Cost
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.measurement import measure
from services.evaluator.report import write
from services.evaluator.report.html import ANSWER_SHOWN, page
from services.evaluator.report.listing import ITEMS_SHOWN
from services.evaluator.result import Description, Experiment, Point
from tests.services.evaluator.sample import experiment

VOID = {"meta", "br", "line", "rect", "path", "polyline", "polygon", "circle"}


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


def asked(folder: Path, text: str, num_items: int = 1, answer: str | None = "Rain", **changes) -> Experiment:
    items = tuple(
        Item(id=f"i{n}", question="What?", choices=("Rain", "Thunder"), answer=answer) for n in range(num_items)
    )
    benchmark = Benchmark(name="tiny", version="1", sha256="ab", items=items, breakdowns=())
    answers = {item.id: Answer(text=text, finish_reason="stop") for item in items}
    described = Description(backbone="model", fingerprint="cd", setting="text", prompt="letters", parameters={})
    result = measure(benchmark, answers, described, folder=folder)
    return Experiment(name="tiny", results=(replace(result, **changes),))


@pytest.mark.parametrize("name", ["one", "two", "controlled", "six"])
def test_the_page_is_well_formed_and_fetches_and_runs_nothing(name, folder, request):
    seen = outline(page(request.getfixturevalue(name), folder))
    assert seen.fetched == []
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)


def test_the_style_sheet_fetches_nothing_and_serves_dark_and_print(two, folder):
    style = page(two, folder).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style>{{ 7 * 7 }}"])
def test_untrusted_text_stays_text_wherever_it_stands(evil, tmp_path):
    sample = asked(
        tmp_path, evil, backbone=evil, fingerprint=evil, prompt=evil, parameters={evil: evil}, captioner=evil
    )
    sample = replace(sample, name=evil, lineage={evil: evil})
    text = page(sample, tmp_path)
    seen = outline(text)
    assert not {"script", "img"} & set(seen.tags)
    assert text.count("</style>") == 1
    assert str(escape(evil)) in text


def test_every_outcome_is_said_in_words_and_not_by_colour_alone(two, folder):
    text = page(two, folder)
    for word in ("correct", "wrong", "unparsed", "truncated", "failed"):
        assert re.search(rf'<td class="outcome {word}"><span aria-hidden="true">.</span> {word}', text)


def test_a_failed_call_shows_its_error(two, folder):
    assert "UNAVAILABLE: the replica did not answer" in page(two, folder)


def test_every_table_has_a_caption_and_every_drawing_a_description(six, folder):
    text = page(six, folder)
    assert len(re.findall(r"<caption>", text)) == len(re.findall(r'<table(?! class="answers")', text))
    drawings = re.findall(r"<svg[^>]*>", text)
    assert len(drawings) > 10
    assert all("aria-label" in drawing for drawing in drawings)


def test_the_same_experiment_gives_the_same_page(two, folder):
    assert page(two, folder) == page(two, folder)


def test_a_rank_is_a_number_beside_its_shade(six, folder):
    overview = page(six, folder).partition('<section id="overview">')[2].partition("</section>")[0]
    assert overview.count('<sup class="rank">') == 6 * 5
    assert '<sup class="rank">' not in page(experiment(folder, 1), folder)


def test_what_it_took_stands_after_the_results(two, folder):
    before, _, after = page(two, folder).partition('<section id="usage">')
    for words in ("Items a second", "Retries", "GPU-seconds", "Prompt tokens"):
        assert words in after
        assert words not in before
    assert before in page(replace(two, timings=(), usage=()), folder)[: len(before)]


def test_a_cost_is_shown_and_a_missing_one_is_said_to_be_missing(two, folder):
    assert "nobody said how many GPUs" in page(two, folder)
    costs = {each.answers: Cost(usd=1234.5, gpu_s=60.0) for each in two.usage}
    text = page(two, folder, costs)
    assert "nobody said how many GPUs" not in text
    assert "1,234.50" in text
    assert "2,469.00" in text


def test_controls_samples_and_known_bad_items_have_their_places(controlled, folder):
    text = page(controlled, folder)
    controls = text.partition('<section id="controls">')[2].partition("</section>")[0]
    assert controls.count("<tr>") == 1 + 4
    samples = text.partition('<section id="samples">')[2].partition("</section>")[0]
    assert samples.count("<tr>") == 1 + 2
    assert "2 items are known to be faulty" in text
    assert "Sound items" in text
    assert "<b>known to be faulty</b>: the clip is silent" in text


def test_two_backbones_get_a_sentence_instead_of_a_scatter_and_six_a_heat_map(two, six, folder):
    assert "cannot be said" in page(two, folder)
    assert 'class="heat"' not in page(two, folder)
    text = page(six, folder)
    assert text.count('class="panel"') > 8
    heat = text.partition('<table class="heat">')[2].partition("</table>")[0]
    assert heat.count("n = 6") == 10


def test_answers_that_are_elsewhere_are_named_and_the_page_stands(one, tmp_path):
    text = page(one, tmp_path)
    outline(text)
    assert "Not in this folder: the answers of SmolLM2-135M-Instruct knows" in text


def test_a_small_benchmark_is_given_with_a_word_of_caution(two, folder):
    assert "How much this says" in page(two, folder)


def test_withheld_answers_are_shown_and_not_scored(tmp_path):
    text = page(asked(tmp_path, "(A) Rain", answer=None), tmp_path)
    assert "not scored" in text
    assert "withheld" in text
    assert "nan" not in text.partition("</style>")[2]


def test_long_answers_and_many_items_are_cut_with_a_note(tmp_path):
    text = page(asked(tmp_path, "x" * (ANSWER_SHOWN + 1)), tmp_path)
    assert f"({ANSWER_SHOWN + 1} characters in all)" in text
    text = page(asked(tmp_path, "A", num_items=ITEMS_SHOWN + 1), tmp_path)
    assert text.count("<article>") == ITEMS_SHOWN
    assert "the answers files have them all" in text


def test_an_experiment_without_results_still_has_a_page(tmp_path):
    for bare in (
        Experiment(name="empty", results=()),
        Experiment(name="curve", results=(), curve=(Point(step=1, loss=2.0),)),
    ):
        text = page(bare, tmp_path)
        outline(text)
        assert bare.name in text


def test_write_makes_the_folder_and_the_file(one, folder, tmp_path):
    write(one, folder, tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
