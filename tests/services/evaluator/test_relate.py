from dataclasses import replace

import numpy as np
import pytest

from services.evaluator import published
from services.evaluator.backbones import Row, Score, from_results
from services.evaluator.relate import Relation, Unrelated, relate, relate_all
from services.evaluator.stats import Interval, line, pearson, spearman
from tests.services.evaluator.runs import run


def row(backbone: str, family: str = "", **accuracies: float) -> Row:
    scores = {column: Score(accuracy=accuracy, n=100) for column, accuracy in accuracies.items()}
    return Row(backbone=backbone, family=family or backbone, scores=scores)


def relation(rows, x, y) -> Relation:
    found = relate(rows, x, y)
    assert isinstance(found, Relation)
    return found


def outcomes(accuracies, items: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join("c" if hit else "w" for hit in generator.random(items) < share) for share in accuracies]


@pytest.mark.parametrize(
    ("x", "y", "chosen", "best", "points"),
    [
        ("AKB", "MMAU_A", "Phi-4-14B", "Qwen2.5-7B", 5.5),
        ("MMAU_T", "MMAU_A", "Qwen3-8B", "Qwen2.5-7B", 4.9),
        ("MMAR_T", "MMAU_A", "Qwen3-14B", "Qwen2.5-7B", 0.4),
        ("MMAU_T", "MMAR_A", "Qwen3-8B", "Qwen3-8B", 0.0),
    ],
)
def test_what_choosing_the_papers_best_backbone_in_text_costs_in_audio(x, y, chosen, best, points):
    regret = relation(published.rows(), x, y).regret
    assert (regret.chosen, regret.best) == (chosen, best)
    assert 100 * regret.lost == pytest.approx(points)


def test_the_papers_backbones_are_related_over_the_eight_that_have_ears():
    found = relation(published.rows(), "MMAR_T", "MMAU_A")
    xs = [each.scores["MMAR_T"].accuracy for each in found.rows]
    ys = [each.scores["MMAU_A"].accuracy for each in found.rows]
    assert len(xs) == 8
    assert (found.pearson, found.spearman, found.line) == (pearson(xs, ys), spearman(xs, ys), line(xs, ys))
    assert found.over_items is None
    assert [point.family for point in found.validation.points] == [each.family for each in found.rows]
    # Knowing the cascade halves the error of guessing an unseen family's backbone, nearly.
    assert 100 * found.validation.rmse == pytest.approx(2.4, abs=0.05)
    assert 100 * found.validation.rmse_of_mean == pytest.approx(4.2, abs=0.05)


def test_an_unseen_backbone_is_predicted_with_an_interval_that_is_possible():
    found = relation(published.rows(), "AKB", "MMAU_A")
    predicted = found.predict(0.80)
    assert predicted.value == pytest.approx(0.625, abs=0.001)
    assert predicted.interval.low < 0.56 and predicted.interval.high > 0.69
    assert found.predict(5.0).interval.high == found.predict(5.0).value == 1.0


def test_fewer_than_four_backbones_cannot_be_related_and_are_told_so():
    rows = [row(name, x=0.1 * place, y=0.2 * place) for place, name in enumerate("abc", 1)]
    found = relate([*rows, row("d", x=0.5)], "x", "y")
    assert isinstance(found, Unrelated)
    assert found.sentence == (
        "x and y cannot be related: that needs 4 backbones with results in both, and 3 have them."
    )
    assert "none has them" in relate(rows, "x", "z").reason


def test_a_column_without_differences_relates_to_nothing():
    found = relate([row(name, x=0.5, y=0.1 * place) for place, name in enumerate("abcd")], "x", "y")
    assert isinstance(found, Unrelated)
    assert found.reason == "all backbones have the same accuracy in x"


def test_the_sentence_says_what_there_is_to_doubt():
    sentence = relation(published.rows(), "MMAR_T", "MMAU_A").sentence
    assert sentence.startswith("Over 8 backbones, MMAR_T and MMAU_A correlate at r = 0.82 [0.29, 0.97]; ")
    assert "luck" not in sentence
    assert "with an error of 2.4 points, against 4.2 without knowing MMAR_T." in sentence
    points = {"a": (0.1, 0.2), "b": (0.2, 0.5), "c": (0.3, 0.1), "d": (0.4, 0.4)}
    loose = [row(name, "one", x=x, y=y) for name, (x, y) in points.items()]
    assert "which luck alone could give" in relation(loose, "x", "y").sentence
    assert "No family can be left out" in relation(loose, "x", "y").sentence


def test_a_ranking_that_agrees_has_tau_1_and_no_regret():
    found = relation([row(name, x=0.1 * place, y=0.05 * place**2) for place, name in enumerate("abcd", 1)], "x", "y")
    assert found.kendall == 1.0
    assert (found.regret.lost, found.regret.lost_blindly) == (0.0, pytest.approx(0.8 - 0.375))


def test_every_two_columns_are_related_in_order():
    found = relate_all(published.rows(), ["AKB", "MMAU_A", "MMAR_A"])
    assert [(each.x, each.y) for each in found] == [("AKB", "MMAU_A"), ("AKB", "MMAR_A"), ("MMAU_A", "MMAR_A")]
    rows = [row(name, x=0.1 * place, y=0.2) for place, name in enumerate("abcd")]
    assert [(each.x, each.y) for each in relate_all(rows)] == [("x", "y")]


def test_columns_over_the_same_items_draw_the_same_items():
    shares = [0.2, 0.4, 0.6, 0.8]
    told = outcomes(shares, 60, seed=1)
    results = [
        run(each, backbone=f"m{place}", setting=setting, benchmark="mmau")
        for place, each in enumerate(told)
        for setting in ("cascade", "audio")
    ]
    same = relation(from_results(results), "mmau cascade", "mmau audio")
    assert same.over_items == Interval(low=pytest.approx(1.0), high=pytest.approx(1.0))
    apart = [replace(each, benchmark_sha256=each.setting) for each in results]
    assert relation(from_results(apart), "mmau cascade", "mmau audio").over_items.low < 0.99


def test_few_items_widen_the_interval_and_many_do_not():
    shares = [0.30, 0.38, 0.45, 0.52, 0.60, 0.68]

    def width(items: int) -> float:
        texts, sounds = outcomes(shares, items, seed=2), outcomes(shares, items, seed=3)
        results = [
            run("-" + each, backbone=f"m{place}", benchmark=benchmark)
            for benchmark, runs in (("akb", texts), ("mmau", sounds))
            for place, each in enumerate(runs)
        ]
        interval = relation(from_results(results), "akb audio", "mmau audio").over_items
        return interval.high - interval.low

    assert width(20_000) < 0.1 < 0.5 < width(40)


def test_items_whose_answer_is_withheld_are_not_drawn():
    shares = [0.3, 0.5, 0.6, 0.8]

    def interval(withheld: str) -> Interval:
        results = [
            run(withheld + each, backbone=f"m{place}", benchmark=benchmark)
            for seed, benchmark in enumerate(("akb", "mmau"))
            for place, each in enumerate(outcomes(shares, 50, seed))
        ]
        return relation(from_results(results), "akb audio", "mmau audio").over_items

    assert interval("-" * 500) == interval("")
