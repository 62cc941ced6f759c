import pytest

from services.evaluator.akb import checks, taxonomy
from services.evaluator.akb.duplicates import Index, likeness
from tests.services.evaluator.akb.questions import question


@pytest.mark.parametrize(
    ("check", "fields", "found"),
    [
        (checks.form, {"answer": "beta"}, True),
        (checks.form, {}, False),
        (checks.outstanding_length, {"choices": ("a very long answer indeed", "no", "yes"), "answer": "no"}, False),
        (checks.outstanding_length, {"choices": ("a very long answer", "no", "yes")}, True),
        (checks.outstanding_length, {"choices": ("no", "a long distractor", "another long one"), "answer": "no"}, True),
        (checks.outstanding_length, {"choices": ("fifteen", "one", "two"), "answer": "fifteen"}, False),
        (checks.copied_words, {"question": "Why does it vibrate?", "choices": ("by vibration", "by heat")}, True),
        (checks.copied_words, {"question": "Why does it vibrate?", "choices": ("vibration", "vibrating air")}, False),
        (checks.copied_words, {"question": "Steel or rubber?", "choices": ("steel", "rubber")}, False),
        (checks.copied_words, {"question": "Why is it so?", "choices": ("it is so", "it is not")}, False),
        (checks.alike_choices, {"choices": ("The shark.", "shark", "eel")}, True),
        (checks.alike_choices, {"choices": ("-3 dB", "+3 dB", "3 dB")}, False),
        (checks.leftovers, {"choices": ("one", 'two"}]},')}, True),
        (checks.leftovers, {"choices": ("one", "source:")}, True),
        (checks.leftovers, {"question": "What is the source of [p]?"}, False),
        (checks.catch_alls, {"choices": ("one", "All of the above.")}, True),
        (checks.catch_alls, {"choices": ("one", "two of the above")}, False),
        (checks.outside(taxonomy.read()), {"subcategory": "Rhyme"}, True),
        (checks.outside(taxonomy.read()), {}, False),
    ],
)
def test_a_check_finds_its_fault_and_no_other(check, fields, found):
    if "choices" in fields:
        fields = {"answer": fields["choices"][0]} | fields
    one = question(0, **fields)
    assert [finding.place for finding in check([one])] == ([one.place] if found else [])


def rotated(number, places):
    one = question(number)
    return question(number, choices=one.choices[places:] + one.choices[:places])


def test_letters_are_balanced_or_the_letter_is_named():
    assert checks.letter_balance([rotated(number, number % 4) for number in range(40)]) == []
    (finding,) = [
        each for each in checks.letter_balance([rotated(number, 0) for number in range(16)]) if each.place == "A"
    ]
    assert "16 of 16" in finding.text


def test_a_length_that_tells_is_found_by_category():
    def longest(number):
        choices = ("the longest of all", "one", "two", "three")
        return question(number, choices=choices, answer=choices[0])

    found = checks.length_cue([longest(number) for number in range(20)])
    assert [(each.place, "longest" in each.text) for each in found] == [("Sound", True)]
    assert checks.length_cue([question(number) for number in range(20)]) == []


@pytest.mark.parametrize(("answers", "found"), [(["2 Hz"] * 20, True), (["1 Hz", "2 Hz", "3 Hz", "4 Hz"] * 5, False)])
def test_an_answer_that_is_always_surrounded_by_other_numbers_is_found(answers, found):
    choices = ("1 Hz", "2 Hz", "3 Hz", "4 Hz")
    asked = [question(at, choices=choices, answer=answer) for at, answer in enumerate(answers)]
    assert [each.place for each in checks.number_cue(asked)] == (["rank 2"] if found else [])


def test_choices_in_several_units_or_in_words_are_no_row_of_numbers():
    asked = [question(at, choices=("1 Hz", "2 s"), answer="1 Hz") for at in range(30)]
    assert checks.number_cue([*asked, *[question(at) for at in range(30)]]) == []


def test_always_taking_the_longest_choice_is_right_by_lot_where_all_are_alike():
    assert checks.length_shares([question(0)]) == (0.25, 0.25)


def test_a_question_that_is_reworded_a_little_is_near_and_another_is_not():
    one = question(1, question="Which of these animals makes its song by rubbing one forewing against the other one?")
    near = question(1, question="Which of these animals makes a song by rubbing one forewing against the other one?")
    other = question(2, question="How many semitones are there between the notes of a perfect fifth?")
    assert likeness(one, near) > 0.8 > likeness(one, other)
    assert [each.place for each in checks.likenesses([one, other, near])] == [near.place]
    index = Index([one])
    assert index.nearest(other) is None
    assert index.nearest(near).first == one


@pytest.mark.parametrize(
    ("hits", "number", "chance", "value"), [(25, 100, 0.25, 0), (38.0, 100, 0.25, 3.0), (0, 0, 0.25, 0)]
)
def test_surprise_counts_standard_deviations(hits, number, chance, value):
    assert checks.surprise(hits, number, chance) == pytest.approx(value, abs=0.01)
