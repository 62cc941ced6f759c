from dataclasses import replace

from services.evaluator.report.grid import grid
from services.evaluator.report.relations import column_name, relations
from services.evaluator.result import Experiment


def related(experiment: Experiment):
    return relations(experiment, grid(experiment))


def some(experiment: Experiment, num_backbones: int) -> Experiment:
    names = list(dict.fromkeys(each.backbone for each in experiment.results))[:num_backbones]
    return replace(experiment, results=tuple(each for each in experiment.results if each.backbone in names))


def test_one_setting_is_no_relation(two):
    assert related(replace(two, results=tuple(each for each in two.results if each.setting == "text"))) is None


def test_with_few_backbones_a_sentence_says_why_nothing_is_drawn(one, two):
    assert "only 1 has results in both" in related(one).sentence
    assert "only 2 have results in both" in related(two).sentence
    assert not related(two).panels
    assert not related(two).has_map


def test_three_backbones_are_drawn_and_not_fitted(six):
    found = related(some(six, 3))
    assert found.panels
    assert not found.has_map
    assert "Nothing is fitted" in found.sentence


def test_four_are_related_with_intervals(six):
    found = related(some(six, 4))
    assert found.has_map
    assert len(found.forecasts) == 6
    assert all(each.pearson.n == 4 for each in found.forecasts)


def test_scatters_are_of_whole_benchmarks_and_of_each_category(six):
    titles = [panel.title for panel in related(six).panels]
    assert titles.count("all items") == 4
    assert {"mini-mmau, sound", "mini-mmau, music", "mini-mmau, speech", "mini-mmar, speech"} <= set(titles)


def test_a_category_is_plotted_against_itself(six):
    for panel in related(six).panels:
        x, y = panel.relation.x, panel.relation.y
        assert x.partition("/")[2] == y.partition("/")[2]
        assert " audio" in y
        assert " audio" not in x


def test_of_two_checkpoints_the_newer_one_counts(six):
    heard = next(each for each in six.results if each.setting == "audio")
    worse = replace(heard, checkpoint="later", total=replace(heard.total, correct=0, wrong=48))
    found = related(replace(six, results=(*six.results, worse)))
    (row,) = [row for row in found.cells["mini-akb text", "mini-mmau audio"].rows if row.backbone == heard.backbone]
    assert row.scores["mini-mmau audio"].accuracy == 0


def test_columns_are_named_as_the_report_names_them():
    assert column_name("mmau audio") == "hears mmau"
    assert column_name("mmau cascade (whisper)/speech") == "is told mmau (whisper), speech"
