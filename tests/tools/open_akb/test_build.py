import shutil
from collections import Counter

import pytest

from earwitness.errors import MalformedRow, NotReady
from tools.open_akb.build import checked, main
from tools.open_akb.sources import FOLDER, read


@pytest.fixture
def folder(tmp_path):
    """A copy of the phonetic questions, to be spoilt."""
    shutil.copy(FOLDER / "phonetic.yaml", tmp_path)
    return tmp_path


def spoil(folder, old, new):
    path = folder / "phonetic.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("answer: guitar", "answer: trumpets", "rule stressed_on rejects the answer 'trumpets'"),
        ("distractors: [trumpet, organ, cello]", "distractors: [trumpet, organ, hotel]", "also accepts 'hotel'"),
        ("rule: stressed_on, syllable", "rule: astrology, syllable", "no rule is called"),
        ("rule: stressed_on, syllable", "rule: stressed_on, word", "missing a required"),
    ],
)
def test_a_planted_error_is_refused_with_file_and_question(folder, old, new, reason):
    spoil(folder, old, new)
    with pytest.raises(MalformedRow, match=reason) as error:
        checked(["Phonetic"], folder)
    assert error.value.field.startswith("phonetic.yaml: ") and "musical instruments" in error.value.field


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("distractors: [trumpet, organ, cello]", "distractors: [trumpet, organ]", "2 distractors"),
        ("distractors: [trumpet, organ, cello]", "distractors: [trumpet, organ, Guitar]", "two choices are the same"),
        ("answer: guitar", 'answer: "guitar "', "outer blanks"),
        ("answer: guitar", "answer: 3", "Expected `str`"),
        ("verified_by: rule", "verified_by: human", "Invalid enum value"),
        ("verified_by: rule", "verified_by: source", "not that of a source"),
        ("name: Rhyme", "name: Homophones", "not the subcategories"),
        ("category: Phonetic", "category: Music", "about Music"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused_by_name(folder, old, new, reason):
    spoil(folder, old, new)
    with pytest.raises(MalformedRow, match=reason) as error:
        read("Phonetic", folder)
    assert error.value.field.startswith("phonetic.yaml")


def test_a_subcategory_that_is_short_of_questions_is_named(folder):
    text = (folder / "phonetic.yaml").read_text(encoding="utf-8")
    first = text.index("      - question:")
    second = text.index("      - question:", first + 1)
    (folder / "phonetic.yaml").write_text(text[:first] + text[second:], encoding="utf-8")
    with pytest.raises(MalformedRow, match=r"phonetic.yaml: Primary stress: 19 questions"):
        read("Phonetic", folder)


def test_a_category_without_a_file_is_named_with_a_remedy(folder):
    with pytest.raises(NotReady, match=r"Music has no file music.yaml"):
        read("Music", folder)


def test_a_partial_check_prints_counts_and_an_unknown_category_one_line(capsys):
    assert main(["--categories", "phonetic"]) == 0
    assert capsys.readouterr().out.startswith("Phonetic: 160 (160 by rule")
    assert main(["--categories", "weather"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1


def test_every_subcategory_of_a_category_has_as_many_questions():
    assert set(Counter(question.subcategory for question in read("Music")).values()) == {20}
