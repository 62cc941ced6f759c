from dataclasses import replace

import pytest

from services.evaluator.cost import Price, Prices
from services.evaluator.prompts import template
from services.evaluator.sweep.axes import BenchmarkChoice, Captioner, Decoding
from services.evaluator.sweep.cells import multiply
from services.evaluator.sweep.estimate import CAPTION_TOKENS, LOOKED_AT, estimate, tokens, total
from tests import sounds
from tests.services.evaluator.conftest import item
from tests.services.evaluator.sweep.sample import (
    BENCHMARKS,
    DEAF,
    DESCRIBER,
    HEARING,
    PRICES,
    benchmark,
    lattice,
    sweep,
)


def by_place(estimates):
    return {(cell.backbone.name, cell.setting): each for cell, each in estimates.items()}


def test_every_item_is_a_call_and_every_clip_one_caption_for_all_backbones():
    found = by_place(estimate(lattice(), PRICES))
    assert [each.asks for each in found.values()] == [4, 6, 6, 4, 6]
    assert (found["hearing", "cascade"].captions, found["deaf", "cascade"].captions) == (3, 0)


def test_a_caption_counts_once_for_each_captioner_and_prompt():
    other = Captioner(name="other", target="c:2", prompts=("plain@1", "describe@1"))
    found = estimate(lattice(captioners=(DESCRIBER, other), backbones=(replace(DEAF, price=""),)), PRICES)
    assert [each.captions for each in found.values()] == [0, 3, 3, 3]


def test_a_prompt_that_is_aware_of_the_question_costs_a_caption_for_each_question():
    aware = replace(DESCRIBER, prompts=("question-aware@1",))
    assert by_place(estimate(lattice(captioners=(aware,)), PRICES))["hearing", "cascade"].captions == 6


def test_what_is_in_the_ledger_is_not_asked_again():
    found = estimate(lattice(), PRICES, known=lambda cell: 3 if cell.setting == "text" else 6)
    assert [(each.known, each.asks, each.captions) for each in found.values()][:2] == [(3, 1, 0), (6, 0, 0)]
    assert list(found.values())[1].cost.usd == 0


def test_prompt_tokens_are_those_of_the_rendered_prompts():
    cell_text, cell_cascade, *_ = lattice().cells
    found = estimate(lattice(), PRICES)
    turns = [template("figure-1@1").render(each, "text") for each in BENCHMARKS["words"].items]
    assert found[cell_text].prompt_tokens == sum(tokens(turn.content) for pair in turns for turn in pair)
    bare = sum(
        tokens(turn.content)
        for each in BENCHMARKS["clips"].items
        for turn in template("figure-1@1").render(each, "cascade")
    )
    assert found[cell_cascade].prompt_tokens == bare + 6 * CAPTION_TOKENS


def test_answers_are_expected_to_be_short_unless_a_backbone_thinks_and_never_longer_than_allowed():
    short, *_ = estimate(lattice(), PRICES).values()
    thinking, *_ = estimate(lattice(backbones=(replace(HEARING, thinking=True),)), PRICES).values()
    scored, *_ = estimate(lattice(answering=("letters",)), PRICES).values()
    tight, *_ = estimate(lattice(sampling=Decoding(max_tokens=1)), PRICES).values()
    assert 0 < short.completion_tokens < short.most_completion_tokens == 4 * 32
    assert thinking.completion_tokens == 4 * 32
    assert (scored.completion_tokens, scored.most_completion_tokens) == (0, 0)
    assert tight.completion_tokens == 4


def test_the_cost_is_that_of_the_tokens():
    first, *_ = estimate(lattice(), PRICES).values()
    usd = (first.prompt_tokens * 1000 + first.completion_tokens * 2000) / 1e6
    most = (first.prompt_tokens * 1000 + first.most_completion_tokens * 2000) / 1e6
    assert (first.cost.usd, first.most_cost.usd) == (pytest.approx(usd), pytest.approx(most))


def test_a_captioner_s_tokens_are_in_the_cost_of_the_cell_that_needs_them():
    free = by_place(estimate(lattice(captioners=(replace(DESCRIBER, price="free"),)), with_free()))
    paid = by_place(estimate(lattice(), PRICES))
    gained = paid["hearing", "cascade"].cost.usd - free["hearing", "cascade"].cost.usd
    assert gained == pytest.approx(3 * CAPTION_TOKENS * 2000 / 1e6)


def with_free() -> Prices:
    return Prices(entries={**PRICES.entries, "free": Price(source="s", date="d")})


def test_the_time_is_measured_where_it_was_and_else_assumed():
    assumed, *_ = estimate(lattice(), PRICES).values()
    measured, *_ = estimate(lattice(), PRICES, rates={("hearing", "text"): 2.0}).values()
    assert (assumed.wall_s, assumed.measured) == (0.4, False)
    assert (measured.wall_s, measured.measured) == (2.0, True)


def test_the_slower_of_captioning_and_answering_takes_the_time():
    slow = replace(DESCRIBER, items_per_s=0.1)
    found = by_place(estimate(lattice(captioners=(slow,)), PRICES))
    assert (found["hearing", "cascade"].wall_s, found["deaf", "cascade"].wall_s) == (pytest.approx(30.0), 0.6)


def test_gpu_time_has_its_cost():
    priced = Prices(entries={"gpu": Price(source="s", date="d", gpu_hour=3600.0)})
    only = lattice(backbones=(replace(DEAF, price="gpu", gpus=2.0),), settings=("text",))
    (found,) = estimate(only, priced).values()
    assert (found.cost.gpu_s, found.cost.usd) == (pytest.approx(0.8), pytest.approx(0.8))


def test_audio_is_measured_by_the_headers_of_its_clips(tmp_path):
    (tmp_path / "a.wav").write_bytes(sounds.encode(sounds.tone(440, 1.5), format="WAV"))
    clip = replace(item("a"), audio=tmp_path / "a.wav")
    heard = replace(benchmark("clips", 1, 1), items=(clip,))
    found = multiply(sweep(benchmarks=(BenchmarkChoice(name="clips"),)), lambda choice: heard)
    assert [each.audio_s for each in estimate(found, PRICES).values()] == [1.5, 1.5, 0.0]


def test_clips_that_are_not_there_leave_the_audio_unknown():
    found = by_place(estimate(lattice(), PRICES))
    assert found["hearing", "audio"].audio_s is None
    assert total(list(found.values())).audio_s is None


def test_a_long_benchmark_is_judged_by_a_sample_that_is_spread_over_it():
    many = 10 * LOOKED_AT
    items = tuple(replace(item(str(at)), question="x" * (4 * at)) for at in range(many))
    long = replace(benchmark("words"), items=items)
    only = multiply(sweep(backbones=(DEAF,), benchmarks=(BenchmarkChoice(name="words"),)), lambda choice: long)
    (found,) = estimate(only, PRICES).values()
    assert found.prompt_tokens == pytest.approx(many * (many / 2), rel=0.05)


def test_totals_add_up():
    found = list(estimate(lattice(), PRICES).values())
    summed = total(found)
    assert (summed.items, summed.asks, summed.captions) == (26, 26, 3)
    assert summed.cost.usd == pytest.approx(sum(each.cost.usd for each in found))
