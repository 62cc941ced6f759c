import pytest

from services.evaluator.official import matches

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
