from dataclasses import replace

import pytest

from services.evaluator.sweep.axes import BenchmarkChoice, Captioner
from tests.services.evaluator.sweep.sample import DEAF, DESCRIBER, HEARING, lattice, names


def reasons(found) -> set[tuple[str, str, str, str]]:
    return {(each.backbone, each.setting, each.benchmark, each.reason) for each in found.skipped}


def test_axes_multiply_by_backbone_first_then_text_cascade_audio():
    assert names(lattice().cells) == [
        ("hearing", "text", "words"),
        ("hearing", "cascade", "clips"),
        ("hearing", "audio", "clips"),
        ("deaf", "text", "words"),
        ("deaf", "cascade", "clips"),
    ]


def test_one_captioner_ends_before_the_next_begins():
    other = Captioner(name="other", target="c:2", prompts=("plain@1", "describe@1"))
    found = lattice(captioners=(DESCRIBER, other), backbones=(DEAF,), samples=2, settings=("cascade",))
    assert [(cell.captioner.name, cell.caption_prompt, cell.sample) for cell in found.cells] == [
        ("describer", "plain@1", 0),
        ("describer", "plain@1", 1),
        ("other", "plain@1", 0),
        ("other", "plain@1", 1),
        ("other", "describe@1", 0),
        ("other", "describe@1", 1),
    ]


def test_every_combination_is_a_cell_or_has_its_reason():
    found = lattice(samples=3, controls=("none", "blind", "shuffle"), prompts=("figure-1@1", "desta-mmau@1"))
    for backbone in (HEARING, DEAF):
        for setting in ("text", "cascade", "audio"):
            for benchmark in ("words", "clips"):
                place = backbone.name, setting, benchmark
                assert place in names(found.cells) or place in {each[:3] for each in reasons(found)}


def test_what_cannot_be_is_skipped_with_the_reason():
    found = reasons(lattice())
    assert ("hearing", "cascade", "words", "there are no clips to hear") in found
    assert ("hearing", "audio", "words", "there are no clips to hear") in found
    assert ("deaf", "audio", "clips", "the backbone has no `lalm`") in found
    assert any(place[:3] == ("deaf", "text", "clips") and "`blind`" in place[3] for place in found)


def test_captioners_multiply_the_cascade_alone_which_is_said():
    found = lattice(captioners=(DESCRIBER, Captioner(name="other", target="c:2")), backbones=(HEARING,))
    assert [cell.setting for cell in found.cells] == ["text", "cascade", "cascade", "audio"]
    said = "no captioner is asked: one run, not one for each captioner"
    assert {("", "text", "", said), ("", "audio", "", said)} <= reasons(found)


def test_the_control_blind_asks_about_clips_in_text():
    found = lattice(controls=("none", "blind"), backbones=(HEARING,))
    blind = [cell for cell in found.cells if cell.control == "blind"]
    assert names(blind) == [("hearing", "text", "clips"), ("hearing", "audio", "clips")]


def test_the_control_shuffle_has_a_cell_for_each_rotation_and_the_others_one():
    found = lattice(controls=("none", "shuffle"), rotations=(1, 2), backbones=(DEAF,), settings=("text",))
    assert [(cell.control, cell.rotation) for cell in found.cells] == [("none", 1), ("shuffle", 1), ("shuffle", 2)]


def test_a_backbone_may_keep_to_some_captioners_and_a_benchmark_to_some_settings():
    other = Captioner(name="other", target="c:2")
    found = lattice(
        captioners=(DESCRIBER, other),
        backbones=(HEARING, replace(DEAF, captioners=("other",))),
        benchmarks=(BenchmarkChoice(name="clips", settings=("cascade",)),),
    )
    assert [(cell.backbone.name, cell.captioner.name) for cell in found.cells] == [
        ("hearing", "describer"),
        ("hearing", "other"),
        ("deaf", "other"),
    ]
    assert any("describer is not among" in each.reason for each in found.skipped)
    assert any("cascade alone" in each.reason for each in found.skipped)


def test_a_captioner_without_an_address_is_left_out_and_a_cascade_without_any_says_so():
    found = lattice(captioners=(replace(DESCRIBER, target=""),), settings=("cascade",))
    assert not found.cells
    assert any("describer is left out" in each.reason for each in found.skipped)
    assert any("names no captioner" in each.reason for each in lattice(captioners=()).skipped)


def test_scored_options_are_neither_sampled_nor_heard():
    found = lattice(answering=("letters",), samples=2, backbones=(HEARING,))
    assert [(cell.setting, cell.sample) for cell in found.cells] == [("text", 0), ("cascade", 0)]
    assert any("log-probabilities" in each.reason for each in found.skipped)


@pytest.mark.parametrize(("seeds", "wanted"), [((), [0, 1, 2]), ((7, 7, 9), [7, 7, 9])])
def test_the_nth_sample_is_asked_with_the_nth_seed(seeds, wanted):
    found = lattice(samples=3, seeds=seeds, backbones=(DEAF,), settings=("text",))
    plans = [cell.plan(found.sweep) for cell in found.cells]
    assert [plan.sampling.seed + plan.sample for plan in plans] == wanted  # a session adds them up
    assert [plan.sample for plan in plans] == [0, 1, 2]


def test_titles_tell_the_cells_of_a_backbone_apart_and_say_no_more():
    assert [lattice().title(cell) for cell in lattice().cells[:3]] == ["text words", "cascade clips", "audio clips"]
    other = Captioner(name="other", target="c:2", prompts=("plain@1", "describe@1"))
    found = lattice(
        captioners=(DESCRIBER, other),
        backbones=(HEARING,),
        samples=2,
        controls=("none", "shuffle"),
        prompts=("figure-1@1", "desta-mmau@1"),
        answering=("generate", "options"),
    )
    titles = [found.title(cell) for cell in found.cells]
    assert len(set(titles)) == len(titles)


def test_all_that_a_cell_says_is_in_its_plan():
    found = lattice(backbones=(replace(DEAF, thinking=True),), controls=("shuffle",), rotations=(2,), in_flight=9)
    plan = found.cells[1].plan(found.sweep)
    assert (plan.thinking, plan.control, plan.rotation, plan.in_flight) == (True, "shuffle", 2, 9)
    assert (plan.prompt, plan.answering, plan.caption_prompt) == ("figure-1@1", "generate", "plain@1")
