import pytest

from services.evaluator.akb.rules import phonetic


@pytest.mark.parametrize(
    ("rule", "option", "arguments", "right"),
    [
        (phonetic.stressed_on, "balloon", {"syllable": -1}, True),
        (phonetic.stressed_on, "balloon", {"syllable": 1}, False),
        (phonetic.stressed_syllable, "The second", {"word": "photography"}, True),
        (phonetic.stressed_syllable, "The first", {"word": "photography"}, False),
        (phonetic.same_stress, "photograph and telephone", {}, True),
        (phonetic.same_stress, "photograph and photography", {}, False),
        (phonetic.syllables, "A frog jumps in", {"count": 4}, True),
        (phonetic.syllable_count, "Three", {"word": "rhythm"}, False),
        (phonetic.equal_syllables, "bridge and tunnel", {}, False),
        (phonetic.rhymes, "shoe", {"word": "through"}, True),
        (phonetic.rhymes, "though", {"word": "through"}, False),
        (phonetic.rhymes, "though", {"word": "through", "wanted": False}, True),
        (phonetic.homophones, "sun and son", {}, True),
        (phonetic.homophones, "sun and soon", {}, False),
        (phonetic.minimal_pair, "ship and sheep", {"differ_in": "vowel"}, True),
        (phonetic.minimal_pair, "ship and chip", {"differ_in": "vowel"}, False),
        (phonetic.minimal_pair, "back and bag", {"differ_in": "final voicing"}, True),
        (phonetic.minimal_pair, "pack and back", {"differ_in": "final voicing"}, False),
        (phonetic.minimal_pair, "ship and shipped", {}, False),
        (phonetic.same_vowel, "shoe and food", {}, True),
        (phonetic.stressed_vowel_in, "house", {"kind": "diphthong"}, True),
        (phonetic.silent, "lamb", {"letter": "b"}, True),
        (phonetic.silent, "label", {"letter": "b"}, False),
        (phonetic.begins_with, "photo", {"sound": "F"}, True),
        (phonetic.ends_with, "lung", {"sound": "nasal"}, True),
    ],
)
def test_a_rule_knows_right_from_wrong(rule, option, arguments, right):
    assert rule(option, **arguments) is right


def test_homophones_do_not_count_as_rhymes():
    assert not phonetic.rhymes("sun and son")


def test_a_verdict_that_depends_on_the_pronunciation_is_none():
    with pytest.raises(ValueError, match="depends on its pronunciation"):
        phonetic.rhymes("bed", word="read")
    with pytest.raises(ValueError, match="depends on its pronunciation"):
        phonetic.stressed_on("permit", syllable=1)


@pytest.mark.parametrize(
    ("option", "reason"),
    [("sun and zzyzxian", "does not have"), ("sun", "two words"), ("the and of", "0 primary stresses")],
)
def test_an_option_that_cannot_be_judged_is_named(option, reason):
    with pytest.raises(ValueError, match=reason):
        phonetic.rhymes(option)
