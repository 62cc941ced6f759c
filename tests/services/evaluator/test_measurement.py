import random
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from services.evaluator.items import Answer, Benchmark, Item
from services.evaluator.measurement import Measurement, measure
from services.evaluator.scoring import score, tally
from tests.services.evaluator import sample
from tests.services.evaluator.test_result import ANSWERS, BENCHMARK, DESCRIPTION


@pytest.fixture(scope="module")
def asked() -> tuple[Benchmark, dict[str, Answer]]:
    """120 items of twelve subcategories, with answers of every outcome."""
    benchmark, luck = sample.benchmark("mini-akb"), random.Random(1)
    return benchmark, {item.id: sample.answer(item, 0.5, luck) for item in benchmark.items}


def test_the_order_in_which_answers_come_changes_nothing(asked):
    benchmark, answers = asked
    results = []
    for seed in range(3):
        order = list(enumerate(benchmark.items))
        random.Random(seed).shuffle(order)
        measurement = Measurement(benchmark, len(order))
        for position, item in order:
            measurement.add(position, item, answers[item.id])
        results.append(measurement.result(DESCRIPTION))
    assert results[0] == results[1] == results[2]


def test_the_counts_are_those_of_the_scores(asked):
    benchmark, answers = asked
    result, scores = (
        measure(benchmark, answers, DESCRIPTION),
        [score(item, answers[item.id]) for item in benchmark.items],
    )
    assert result.total == tally(scores)
    for key, groups in result.breakdowns.items():
        for label, counted in groups.items():
            members = [each for item, each in zip(benchmark.items, scores, strict=True) if item.groups[key] == label]
            assert counted == tally(members)
    assert sum(counted.n for counted in result.breakdowns["category"].values()) == result.total.n


def test_groups_stand_in_the_benchmark_s_order_and_difficulties_from_easy_to_hard():
    labels = ("hard", "easy", "medium", "", "easy")
    items = [
        Item(id=str(n), question="?", choices=("a", "b"), answer="a", groups={"difficulty": label} if label else {})
        for n, label in enumerate(labels)
    ]
    benchmark = Benchmark(name="b", version="", sha256="", items=items, breakdowns=("difficulty",))
    answers = {item.id: Answer(text="a", finish_reason="stop") for item in items}
    assert list(measure(benchmark, answers, DESCRIPTION).breakdowns["difficulty"]) == [
        "easy", "medium", "hard", "(none)"
    ]  # fmt: skip


def test_an_outcome_is_one_character_at_the_item_s_place():
    withheld = replace(BENCHMARK.items[0], id="3", answer=None)
    benchmark = replace(BENCHMARK, items=(*BENCHMARK.items, withheld))
    answers = {
        "1": Answer(text="(A) Rain", finish_reason="stop"),
        "2": Answer(text="Well,", finish_reason="length"),
        "3": Answer(text="(B)", finish_reason="stop"),
    }
    result = measure(benchmark, answers, DESCRIPTION)
    assert (result.outcomes, result.total.withheld, result.total.n) == ("wt-", 1, 2)


def test_known_bad_items_count_like_others_and_are_left_out_beside_it():
    flagged = replace(BENCHMARK, known_bad={"2": "no one sings"})
    result = measure(flagged, ANSWERS, DESCRIPTION)
    assert result.total == measure(BENCHMARK, ANSWERS, DESCRIPTION).total
    assert result.without_known_bad is not None
    assert (result.without_known_bad.n, result.without_known_bad.correct) == (1, 1)
    assert measure(BENCHMARK, ANSWERS, DESCRIPTION).without_known_bad is None


def test_the_audit_tells_how_answers_were_read_and_which_letters_were_chosen(asked):
    benchmark, answers = asked
    result = measure(benchmark, answers, DESCRIPTION)
    audit, scores = result.audit, [score(item, answers[item.id]) for item in benchmark.items]
    assert sum(audit.read_by.values()) == sum(each.choice is not None for each in scores) == sum(audit.chosen.values())
    assert sum(audit.gold.values()) == len(benchmark.items)
    assert sum(audit.right.values()) == result.total.correct
    for name, reader in audit.readers.items():
        assert reader.read == sum(name in each.votes for each in scores)
        assert reader.correct <= reader.read and reader.overruled <= reader.read
    assert audit.disagreeing == sum(len(set(each.votes.values())) > 1 for each in scores) > 0
    assert sum(audit.pairs.values()) >= audit.disagreeing


def test_chance_is_exact_whatever_the_numbers_of_choices():
    items = [
        Item(id=str(n), question="?", choices=tuple("abcdefgh"[: 2 + n % 6]), answer="a", groups={}) for n in range(60)
    ]
    benchmark = Benchmark(name="b", version="", sha256="", items=items, breakdowns=())
    answers = {item.id: Answer(text="a", finish_reason="stop") for item in items}
    expected = sum(10 / size for size in range(2, 8)) / 60
    assert measure(benchmark, answers, DESCRIPTION).chance == pytest.approx(expected, abs=1e-15)


def test_chance_knows_the_options_that_stand_twice_and_nothing_of_withheld_answers():
    twice = Item(id="1", question="?", choices=("x", "y", "y", "z"), answer="y", groups={})
    withheld = Item(id="2", question="?", choices=("x",), answer=None, groups={})
    answers = {"1": Answer(text="y", finish_reason="stop"), "2": Answer(text="x", finish_reason="stop")}
    for items, chance in (((twice, withheld), 0.5), ((withheld,), None)):
        benchmark = Benchmark(name="b", version="", sha256="", items=items, breakdowns=())
        assert measure(benchmark, answers, DESCRIPTION).chance == chance


def test_a_run_with_an_item_that_was_not_answered_has_no_result(tmp_path):
    with pytest.raises(InvalidInput, match="1 of 2"):
        measure(BENCHMARK, {"1": ANSWERS["1"]}, DESCRIPTION, folder=tmp_path)
    with pytest.raises(InvalidInput, match="2 of 2"):
        Measurement(BENCHMARK, 2).result(DESCRIPTION)
    assert not list(tmp_path.rglob("*.jsonl*"))
