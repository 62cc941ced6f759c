import tracemalloc
from dataclasses import replace

import pytest

from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.measurement import measure
from services.evaluator.report.grid import grid
from services.evaluator.report.listing import ITEMS_SHOWN, listing
from services.evaluator.result import Description, Experiment


def test_an_item_stands_with_what_every_run_answered(controlled, folder):
    section = next(section for section in grid(controlled).sections if section.benchmark == "mini-akb")
    found = listing(section, folder)
    assert len(found.items) == found.num_items == 120
    for asked in found.items:
        assert len(asked.replies) == len(section.runs)
        assert {reply.item.id for reply in asked.replies} == {asked.item.id}


def test_letters_are_those_of_the_options_as_they_are_listed(controlled, folder):
    section = next(section for section in grid(controlled).sections if section.benchmark == "mini-akb")
    for asked in listing(section, folder).items:
        for reply in asked.replies:
            choice = reply.item.score.choice
            if choice is not None:
                assert asked.item.choices["ABCD".index(reply.letter)] == reply.item.choices[choice]


def test_runs_whose_answers_are_elsewhere_are_named(one, tmp_path):
    section = grid(one).sections[0]
    found = listing(section, tmp_path)
    assert found.items == []
    assert [run.result for run in found.gone] == [one.results[0]]


@pytest.mark.parametrize("num_items", [600, 6000])
def test_only_the_first_items_are_read_however_many_there_are(tmp_path, num_items):
    items = tuple(Item(id=str(n), question="What?" * 50, choices=("a", "b"), answer="a") for n in range(num_items))
    benchmark = Benchmark(name="long", version="1", sha256="0" * 64, items=items, breakdowns=())
    described = Description(backbone="m", fingerprint="f", setting="text", prompt="p", parameters={})
    answer = Answer(text="(A) a", finish_reason="stop")
    result = measure(benchmark, {item.id: answer for item in items}, described, folder=tmp_path)
    (section,) = grid(Experiment(name="long", results=(replace(result),))).sections
    tracemalloc.start()
    found = listing(section, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.items) == ITEMS_SHOWN
    assert found.num_items == num_items
    assert peak < 4e6
