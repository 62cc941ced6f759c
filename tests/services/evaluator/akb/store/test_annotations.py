from dataclasses import replace

import pytest
import sqlalchemy as sa

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.akb.store import Annotation, Annotations, Standing
from services.evaluator.akb.store.summary import summarise
from tests.services.evaluator.akb.questions import question

QUESTIONS = [question(number, id=f"q-{number}") for number in range(4)]
KEYS = [each.content for each in QUESTIONS]


@pytest.fixture
def store(tmp_path):
    store = Annotations.at(tmp_path / "new" / "store.sqlite")
    store.add(QUESTIONS)
    yield store
    store.close()


def say(store, number, annotator, verdict="accept", **fields):
    store.record(Annotation(question=KEYS[number], annotator=annotator, verdict=verdict, **fields))


def standing(store, number):
    return store.decisions()[KEYS[number]].standing


def test_questions_are_added_once_and_come_in_order(store):
    assert store.add([*QUESTIONS, question(9)]) == 1
    assert list(store.questions().values()) == [*QUESTIONS, question(9)]


def test_a_store_that_is_opened_again_has_what_was_recorded(store, tmp_path):
    say(store, 0, "ann", seconds=3.5)
    again = Annotations.at(tmp_path / "new" / "store.sqlite")
    (found,) = again.of(KEYS[0])
    again.close()
    assert (found.annotator, found.verdict, found.seconds) == ("ann", "accept", 3.5) and found.at > 0


def test_an_annotator_gets_each_question_once_and_never_what_enough_people_have_judged(store):
    seen = []
    while handed := store.next_for("ann"):
        seen.append(handed[0])
        store.record(Annotation(question=handed[0], annotator="ann", verdict="accept"))
    assert sorted(seen) == sorted(KEYS)
    say(store, 0, "bob")
    assert store.next_for("cid")[0] in KEYS[1:]


def test_what_others_have_begun_comes_first_and_what_was_put_off_not_again(store):
    say(store, 2, "ann")
    assert store.next_for("bob")[0] == KEYS[2]
    assert store.next_for("bob", passing={KEYS[2]})[0] != KEYS[2]
    assert store.next_for("bob", passing=KEYS) is None


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ({}, {}, Standing.ACCEPTED),
        ({"verdict": "reject"}, {"verdict": "reject"}, Standing.REJECTED),
        ({}, {"verdict": "reject"}, Standing.DISPUTED),
        ({"choice": "alpha 0"}, {"choice": "alpha 0"}, Standing.ACCEPTED),
        ({"choice": "alpha 0"}, {"choice": "gamma 0"}, Standing.DISPUTED),
        ({"choice": "alpha 0"}, None, Standing.OPEN),
    ],
)
def test_two_people_settle_what_they_agree_on(store, first, second, result):
    say(store, 0, "ann", **first)
    if second is not None:
        say(store, 0, "bob", **second)
    assert standing(store, 0) is result


def test_edits_settle_where_they_are_the_same_and_every_one_is_kept(store):
    better = replace(QUESTIONS[0], question="Which of the four marks has the old kettle?")
    say(store, 0, "ann", "edit", edited=replace(better, question="Other?"))
    say(store, 0, "ann", "edit", edited=better)
    say(store, 0, "bob", "edit", edited=better)
    decision = store.decisions()[KEYS[0]]
    assert (decision.standing, decision.question, decision.people) == (Standing.ACCEPTED, better, ("ann", "bob"))
    assert [each.edited.question for each in store.of(KEYS[0])] == ["Other?", better.question, better.question]


def test_a_dispute_is_adjudicated_by_somebody_else(store):
    say(store, 0, "ann")
    say(store, 0, "bob", "reject")
    ((key, asked, said),) = store.disputes()
    assert (key, asked, [each.annotator for each in said]) == (KEYS[0], QUESTIONS[0], ["ann", "bob"])
    with pytest.raises(InvalidInput, match="one of those who disagree"):
        say(store, 0, "bob", "reject", round="adjudication")
    say(store, 0, "cid", "reject", round="adjudication")
    assert standing(store, 0) is Standing.REJECTED and store.disputes() == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"annotator": " "}, "annotator"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"verdict": "edit"}, "edited"),
        ({"verdict": "accept", "edited": question(5)}, "edited"),
        ({"verdict": "edit", "edited": QUESTIONS[0]}, "edited"),
        ({"verdict": "edit", "edited": question(0, answer="none")}, "edited"),
        ({"choice": "beta"}, "choice"),
    ],
)
def test_a_verdict_that_says_nothing_is_refused(store, fields, field):
    with pytest.raises(InvalidInput) as refused:
        store.record(Annotation(**({"question": KEYS[0], "annotator": "ann", "verdict": "accept"} | fields)))
    assert refused.value.field == field
    assert store.of(KEYS[0]) == []


def test_a_question_that_is_not_in_the_store_is_not_found(store):
    with pytest.raises(NotFound):
        store.record(Annotation(question="0" * 64, annotator="ann", verdict="accept"))


def test_the_summary_has_agreement_and_time(store):
    for number, other in ((0, "accept"), (1, "accept"), (2, "reject"), (3, "accept")):
        say(store, number, "ann", "reject" if number > 1 else "accept", seconds=number)
        say(store, number, "bob", other, seconds=10)
    found = summarise(store)
    assert found.standings[Standing.DISPUTED] == 1 and found.standings[Standing.ACCEPTED] == 2
    (pair,) = found.pairs
    assert (pair.raters, pair.items, pair.observed) == (("ann", "bob"), 4, 0.75)
    assert pair.kappa == pytest.approx(0.5)
    assert found.everybody.kappa == pytest.approx(1 - 0.25 / (1 - (25 + 9) / 64))
    assert found.people["ann"].median_s == 1.5 and found.people["bob"].verdicts == {"accept": 3, "reject": 1}


def test_two_who_accept_and_answer_differently_do_not_agree(store):
    for number, other in enumerate(("alpha 0", "gamma 1")):
        say(store, number, "ann", choice=f"alpha {number}")
        say(store, number, "bob", choice=other)
    found = summarise(store)
    assert [pair.observed for pair in found.pairs] == [0.5] and found.standings[Standing.DISPUTED] == 1
    assert found.people["bob"].verdicts == {"accept": 2} and found.people["bob"].found_key == (1, 2)


def test_a_store_of_a_later_version_and_a_wrong_place_are_refused(store, tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'store.sqlite'}"
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql("UPDATE akb_store SET version = 99")
    with pytest.raises(InvalidInput, match="version 99"):
        Annotations(url)
    with pytest.raises(InvalidInput, match="cannot be opened"):
        Annotations("nonsense://x")
    with pytest.raises(InvalidInput, match="at least 1"):
        Annotations(url, needed=0)
