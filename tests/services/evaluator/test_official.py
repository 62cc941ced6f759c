import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.official import Share, matches, share
from tests.services.evaluator.oracle import string_match

CHOICES = ("Man", "Woman speaking", "Child speaking")


@pytest.mark.parametrize(
    ("prediction", "right"),
    [
        ("Woman speaking", True),
        ("It is a woman, speaking.", True),
        ("(B) Woman speaking", True),
        ("B", False),
        ("", False),
        ("...", False),
        ("Woman", False),
        ("A woman speaking to a man", False),
        ("not a woman speaking", True),
    ],
)
def test_the_match_wants_every_word_of_the_answer_and_no_word_that_only_others_have(prediction, right):
    assert matches(prediction, "Woman speaking", CHOICES) is right


def test_a_wrong_choice_with_the_same_words_passes():
    choices = ("From near to far", "From far to near")
    assert matches(choices[1], choices[0], choices)


def test_the_answer_itself_passes_even_where_it_stands_twice():
    assert matches("fourteen", "fourteen", ("nine", "fourteen", "fourteen"))


def test_words_that_the_answer_shares_with_others_are_not_held_against_it():
    assert matches("male voice", "male voice", ("male voice", "female voice"))
    assert not matches("female voice", "male voice", ("male voice", "female voice"))


WORDS = st.sampled_from(
    ["", "Rain", "heavy rain", "a", "A_1", "3/4", "two two", "twenty-one", "...", "ſun", "İz", "ΟΔΟΣ"]
)
TEXTS = st.lists(WORDS, max_size=3).map(" ".join) | st.text(max_size=12)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_the_match_is_the_official_one(prediction, choices, data):
    answer = data.draw(st.sampled_from(choices))
    assert matches(prediction, answer, choices) == string_match(answer, prediction, choices)


def test_predictions_that_do_not_exist_are_in_no_denominator():
    assert share([True, None, False, True]) == Share(correct=2, n=3)
    assert share([True, None, False, True]).accuracy == pytest.approx(2 / 3)
    assert math.isnan(share([None]).accuracy)
