import hashlib
from collections import Counter
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from services.evaluator.akb import question as questions_of
from services.evaluator.akb.arrangement import arrange
from services.evaluator.akb.release import accepted, compose, write
from services.evaluator.akb.store import Annotation, Annotations
from services.evaluator.akb.versions import difference
from services.evaluator.benchmarks import load
from tests.services.evaluator.akb.questions import question

RHYME = {
    "question": "Which word rhymes with moon?",
    "choices": ("June", "moan", "mean", "man"),
    "answer": "June",
    "verified_by": "rule",
    "evidence": 'rhymes(word="moon")',
}
OLD = [question(number, verified_by="author", evidence="It is so.") for number in range(8)]
NEW = [question(number, verified_by="author", evidence="It is so.") for number in range(8, 16)]


def composed(questions, **fields):
    return compose(questions, **({"name": "birds", "version": "1.0.0", "licence": "CC0-1.0"} | fields))


def test_a_release_has_questions_card_licence_and_true_checksums_and_is_a_benchmark(tmp_path):
    write(composed([*OLD, question(99, **RHYME)], notes="About birds."), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LICENSE", "README.md", "SHA256SUMS", "birds.jsonl"]
    for line in (tmp_path / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    words = (tmp_path / "README.md").read_text()
    assert "license: cc0-1.0" in words and "About birds." in words and "| All | 1 subcategories | 9 | 1 | 8 |" in words
    assert "No answer has been verified by an independent annotator." in words
    assert len(load("akb", tmp_path / "birds.jsonl").items) == 9


def test_the_same_input_gives_the_same_bytes():
    assert composed(OLD).files() == composed(OLD).files()


def test_letters_are_balanced_whatever_was_there_before():
    first = composed(OLD).questions
    both = composed([*NEW, *OLD], version="1.1.0", previous=first).questions
    for made in (first, both):
        counts = Counter(each.choices.index(each.answer) for each in made)
        assert set(counts.values()) == {len(made) // 4}


def test_what_is_unchanged_keeps_its_id_and_its_order():
    first = composed(OLD).questions
    fixed = replace(OLD[3], question="Which of the marks has this cricket?")
    second = composed([*NEW, *OLD[:3], fixed, *OLD[4:7]], version="1.1.0", previous=first).questions
    kept = {each.id: each for each in first}
    assert [kept[each.id] for each in second if each.id in kept] == [*first[:3], *first[4:7]]
    assert len({each.id for each in second}) == len(second)
    found = difference(first, second)
    assert (found.same, len(found.added), len(found.removed), found.changed) == (6, 9, 2, ())
    assert found.to_ask == 9


def test_a_change_says_in_which_fields_and_whether_it_is_asked_anew():
    one, two, three = (question(number, id=f"q-{number}") for number in range(3))
    edited = replace(two, question="Another?")
    keyed = replace(three, answer=three.choices[1])
    found = difference([one, two, three], [replace(one, id="q-new"), edited, keyed])
    assert found.same == 1 and found.to_ask == 1
    assert [(change.fields, change.asks_anew) for change in found.changed] == [
        (("question",), True),
        (("answer",), False),
    ]


@pytest.mark.parametrize(
    ("questions", "fields", "reason"),
    [
        (OLD, {"name": "My Birds"}, "is no name"),
        (OLD, {"version": "one"}, "is no version"),
        (OLD, {"licence": "mine"}, "not known"),
        ([], {}, "no question"),
        ([question(1)], {}, "has verified"),
        ([OLD[0], OLD[0]], {}, "asks what"),
        ([replace(OLD[0], id="a"), replace(OLD[1], id="a")], {}, "2 questions have the id a"),
        ([question(1, **RHYME | {"answer": "moan"})], {}, "rejects the answer 'moan'"),
        ([question(1, **RHYME | {"choices": ("June", "soon", "man")})], {}, "also accepts 'soon'"),
        ([question(1, **RHYME | {"evidence": "a book"})], {}, "no call"),
    ],
)
def test_what_is_not_fit_is_not_released(questions, fields, reason):
    with pytest.raises(InvalidInput, match=reason):
        composed(questions, **fields)


def test_what_people_accepted_is_released_with_their_names(tmp_path):
    store = Annotations.at(tmp_path / "store.sqlite")
    store.add(OLD[:3])
    for name in ("ann", "bob"):
        for each, verdict in ((OLD[0], "accept"), (OLD[1], "reject")):
            store.record(Annotation(question=each.content, annotator=name, verdict=verdict))
    (made,) = composed(accepted(store)).questions
    store.close()
    assert made.verified_by == "people"
    assert made.evidence == "2 annotators: ann, bob; author: It is so."


def test_the_order_depends_on_nothing_but_the_question_and_the_seed():
    assert arrange(OLD, seed="a") == [each for each in arrange(OLD[::-1], seed="a")][::-1]
    assert arrange(OLD, seed="a") != arrange(OLD, seed="b")
    assert all(not questions_of.fault_of_form(each) for each in arrange(OLD, seed="a"))
