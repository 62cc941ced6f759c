import math

import pytest

from services.evaluator.items import Answer, Item, Outcome
from services.evaluator.scoring import UNLABELLED, Tally, breakdown, score, tally

ITEM = Item(id="1", question="What rolls?", choices=("Rain", "Thunder"), answer="Thunder", groups={"level": "hard"})


def answered(text: str, finish_reason="stop") -> Answer:
    return Answer(text=text, finish_reason=finish_reason)


FAILED = Answer(text="", finish_reason="error", error="UNAVAILABLE: no replica")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answered("(B) Thunder"), Outcome.CORRECT),
        (answered("(A)"), Outcome.WRONG),
        (answered("hm"), Outcome.UNPARSED),
        (answered("[REQUEST FAILED after 2 (B) retries]"), Outcome.UNPARSED),
        (answered("well, let me"), Outcome.UNPARSED),
        (answered("well, let me", "length"), Outcome.TRUNCATED),
        (answered("<think>B it is", "length"), Outcome.TRUNCATED),
        (answered("B", "length"), Outcome.CORRECT),
        (FAILED, Outcome.FAILED),
    ],
)
def test_every_answer_has_one_of_five_outcomes(answer, outcome):
    assert score(ITEM, answer).outcome == outcome


def test_a_failed_call_is_not_read_even_if_text_came_back():
    result = score(ITEM, Answer(text="B", finish_reason="error", error="cut off"))
    assert (result.outcome, result.choice, result.official) == (Outcome.FAILED, None, False)


def test_either_letter_of_a_choice_that_stands_twice_is_right():
    item = Item(id="1", question="?", choices=("nine", "fourteen", "fourteen"), answer="fourteen")
    assert {score(item, answered(letter)).outcome for letter in "BC"} == {Outcome.CORRECT}


def test_a_withheld_answer_has_no_outcome_and_stands_outside_the_tally():
    item = Item(id="1", question="?", choices=("x", "y"), answer=None)
    result = score(item, answered("B"))
    assert (result.outcome, result.choice) == (None, 1)
    assert tally([result, score(ITEM, answered("B"))]) == Tally(n=1, correct=1, withheld=1)


def test_the_official_match_is_kept_beside_our_own_reading():
    bare, wrapped = score(ITEM, answered("B")), score(ITEM, answered('The correct answer is: "Thunder"'))
    assert (bare.outcome, bare.official) == (Outcome.CORRECT, False)
    assert (wrapped.outcome, wrapped.official) == (Outcome.CORRECT, True)


def test_accuracy_has_every_item_in_its_denominator_and_bounds_around_what_was_not_read():
    answers = [answered("B"), answered("A"), answered("hm"), answered("hm", "length"), FAILED]
    counts = tally(score(ITEM, answer) for answer in answers)
    assert counts == Tally(n=5, correct=1, wrong=1, unparsed=1, truncated=1, failed=1, official=0)
    assert counts.accuracy == pytest.approx(0.2)
    assert counts.bounds == pytest.approx((0.2, 0.8))
    assert counts.unread == 3


def test_nothing_counted_has_no_accuracy():
    assert math.isnan(Tally().accuracy)
    assert all(map(math.isnan, Tally().bounds))


def test_a_breakdown_keeps_the_benchmarks_order_but_goes_from_easy_to_hard():
    def groups(*labels):
        items = [Item(id=str(n), question="?", choices=("x", "y"), answer="x", groups=g) for n, g in enumerate(labels)]
        scores = [score(item, answered("A")) for item in items]
        return list(breakdown(items, scores, "level"))

    assert groups({"level": "Sound"}, {}, {"level": "Music"}, {"level": "Sound"}) == ["Sound", "Music", UNLABELLED]
    assert groups({"level": "hard"}, {"level": "easy"}, {"level": "medium"}) == ["easy", "medium", "hard"]


def test_the_groups_of_a_breakdown_add_up_to_the_whole():
    items = [ITEM, Item(id="2", question="?", choices=("x", "y"), answer="x")]
    scores = [score(ITEM, answered("B")), score(items[1], FAILED)]
    parts = breakdown(items, scores, "level").values()
    assert sum(part.n for part in parts) == tally(scores).n
    assert sum(part.correct for part in parts) == tally(scores).correct
