import shutil
from collections import Counter
from dataclasses import replace

import pytest

from earwitness.errors import MalformedRow, NotReady
from tools.mini_akb.build import LETTERS, checked, entries, evidence_text, main, refuse_duplicates, rows, verify
from tools.mini_akb.sources import FOLDER, read


@pytest.fixture
def phonetic():
    return entries([read("Phonetic")])


def changed(entry, **fields):
    return replace(entry, content=replace(entry.content, **fields))


def test_a_planted_wrong_answer_is_refused_with_file_and_question(phonetic):
    right = phonetic[0]
    swapped = [right.content.answer, *right.content.distractors[1:]]
    wrong = changed(right, answer=right.content.distractors[0], distractors=swapped)
    with pytest.raises(MalformedRow, match="rejects the answer") as error:
        verify([wrong])
    assert error.value.field.startswith("phonetic.yaml: ") and right.content.question in error.value.field


def test_a_planted_second_right_option_is_refused(phonetic):
    rhyme = next(entry for entry in phonetic if entry.content.evidence == {"rule": "rhymes", "word": "ocean"})
    with pytest.raises(MalformedRow, match="also accepts 'notion'"):
        verify([changed(rhyme, distractors=["notion", *rhyme.content.distractors[1:]])])


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({"rule": "astrology"}, "no rule is called"),
        ({"rule": "syllables"}, "missing a required argument"),
        ({"rule": "rhymes", "word": "zzyzxian"}, "cannot judge"),
    ],
)
def test_evidence_that_proves_nothing_is_refused(phonetic, evidence, reason):
    with pytest.raises(MalformedRow, match=reason):
        verify([changed(phonetic[0], evidence=evidence)])


def test_a_question_is_not_asked_twice_whatever_its_case_and_punctuation(phonetic):
    again = changed(phonetic[1], question=phonetic[0].content.question.upper().rstrip("?"))
    with pytest.raises(MalformedRow, match="repeats"):
        refuse_duplicates([phonetic[0], again])


def test_quoted_words_alone_do_not_make_a_new_question(phonetic):
    one = changed(phonetic[0], question='Which word rhymes with "moon"?')
    other = changed(phonetic[0], question='Which word rhymes with "June"?')
    with pytest.raises(MalformedRow, match="repeats"):
        refuse_duplicates([one, other])
    refuse_duplicates([one, changed(other, distractors=["a", "b", "c"])])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("distractors: [trumpet, organ, cello]", "distractors: [trumpet, organ]", "2 distractors"),
        ("distractors: [trumpet, organ, cello]", "distractors: [trumpet, organ, Guitar]", "two options are the same"),
        ("answer: guitar", 'answer: "guitar "', "outer blanks"),
        ("answer: guitar", "answer: 3", "Expected `str`"),
        ("verified_by: rule", "verified_by: human", "Invalid enum value"),
        ("verified_by: rule", "verified_by: source", "not that of a source"),
        ("name: Rhyme", "name: Homophones", "7 different names"),
        ("category: Phonetic", "category: Music", "about Music"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused_by_name(tmp_path, old, new, reason):
    text = (FOLDER / "phonetic.yaml").read_text(encoding="utf-8")
    (tmp_path / "phonetic.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MalformedRow, match=reason) as error:
        read("Phonetic", tmp_path)
    assert error.value.field.startswith("phonetic.yaml")


def test_a_wrong_count_names_the_subcategory(tmp_path):
    text = (FOLDER / "phonetic.yaml").read_text(encoding="utf-8")
    first = text.index("      - question:")
    second = text.index("      - question:", first + 1)
    (tmp_path / "phonetic.yaml").write_text(text[:first] + text[second:], encoding="utf-8")
    with pytest.raises(MalformedRow, match=r"phonetic.yaml: Primary stress: 4 questions"):
        read("Phonetic", tmp_path)


def test_a_category_without_a_file_is_named_with_a_remedy(tmp_path):
    shutil.copy(FOLDER / "phonetic.yaml", tmp_path)
    with pytest.raises(NotReady, match=r"Music has no file music.yaml"):
        read("Music", tmp_path)


def test_the_letters_of_a_category_are_balanced():
    made = list(rows(checked(["Phonetic"])))
    assert Counter(LETTERS[row["choices"].index(row["answer"])] for row in made) == dict.fromkeys(LETTERS, 10)


def test_letters_do_not_depend_on_the_other_categories(phonetic):
    sound = entries([read("Sound")])
    alone = [row["choices"] for row in rows(phonetic)]
    assert [row["choices"] for row in rows([*sound, *phonetic])][40:] == alone


def test_evidence_by_rule_reads_as_a_call():
    assert evidence_text({"rule": "rhymes", "word": "moon", "wanted": False}) == 'rhymes(word="moon", wanted=false)'


def test_a_partial_check_prints_counts_and_an_unknown_category_one_line(capsys):
    assert main(["--categories", "phonetic"]) == 0
    assert capsys.readouterr().out.startswith("Phonetic: 40 (40 by rule")
    assert main(["--categories", "weather"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
