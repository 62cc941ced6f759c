import pytest

from services.evaluator.options import NONE, Options, lowered

OPTIONS = Options.of(("Rain", "“A dog.”", "rain", "The dog", "Rain"))


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        ("Rain", {0}),
        (" 'rain' ", {2}),
        ("RAIN.", {0, 2}),
        ("A dog", {1}),
        ("a DOG!", {1}),
        ("dog", {1, 3}),
        ("an dog", {1, 3}),
        ("rainy", NONE),
        ("", NONE),
    ],
)
def test_a_text_equals_an_option_exactly_or_else_without_case_or_else_without_article(text, equal):
    assert OPTIONS.equal(text) == equal


def test_the_letter_of_a_repeated_option_stands_for_the_first():
    assert [OPTIONS.of_letter(letter) for letter in "aEF?"] == [{0}, {0}, NONE, NONE]
    assert OPTIONS.distinct == [0, 1, 2, 3]
    assert OPTIONS.every == {0, 1, 2, 3, 4}


def test_an_option_is_ambiguous_if_another_differs_in_case_alone():
    assert [OPTIONS.is_ambiguous(index) for index in range(5)] == [True, False, True, False, True]


def test_lower_case_keeps_every_character_in_its_place():
    assert lowered("Größe") == "größe"
    assert lowered("İZMİR") == "İZMİR"
