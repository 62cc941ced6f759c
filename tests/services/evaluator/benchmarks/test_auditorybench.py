"""Rows of the excerpts are from AuditoryBench's test files (github.com/HJ-Ok/AudioBERT, MIT)."""

import random
from pathlib import Path

import pytest

from earwitness.errors import MalformedRow
from services.evaluator.benchmarks import load
from services.evaluator.benchmarks.kinds import akin, is_anything
from services.evaluator.items import Item

PITCH = """sentence,answer,span1,span2
The sound of rain has a [MASK] pitch than the hum of an electric current.,lower,sound of rain,hum of an electric current
The sound of rain has a [MASK] pitch than the hum of an electric current.,lower,sound of rain,hum of an electric current
"The sound of a 22"" ultra-thin Feng (wind) gong typically has a [MASK] pitch than a dark loop in the key of Dm.",lower,sound of a 22, 
A dog's growl typically has a [MASK] pitch than the chirping of a flock of birds.,lower,dog's growl,chirping of a flock of birds
"""  # noqa: E501
ANIMAL = """animal,description,sentence
bird,chirp,[MASK] make a chirp sound.
eagle owl,hoot,Hoot is the sound a [MASK] makes.
owl,hoot,Hoot is the sound a [MASK] makes.
cricket,crickets,The sound of crickets at night is associated with a [MASK].
cat,miau,A [MASK] makes a sound like 'miau'.
horse,hooves,The sound of [MASK] hooves on sand is distinct.
dolphin,"Clicks, chirps, and buzzes","Clicks, chirps, and buzzes are sounds made by [MASK]."
fox,spooky bark,A [MASK] makes a spooky bark.
dog,warning bark,A [MASK] makes a loud warning bark.
cow,mooing,Mooing is the sound a [MASK] makes.
rabbit,soft thumping sound,[MASK] make a soft thumping sound when they move their ears.
squid,"high-pitched, repetitive sound","A [MASK] makes a high-pitched, repetitive sound."
animal,rustling,The sound of [MASK] being petted is a rustling sound.
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(text.encode())
    return path


def animals(folder: Path, text: str = ANIMAL) -> dict[str, Item]:
    return {item.answer or "": item for item in load("auditorybench-animal", written(folder, text)).items}


def test_pitch_is_asked_with_the_sentence_and_two_options(tmp_path):
    benchmark = load("auditorybench-pitch", written(tmp_path, PITCH))
    first = benchmark.items[0]
    assert first.question.endswith("The sound of rain has a [MASK] pitch than the hum of an electric current.")
    assert (sorted(first.choices), first.answer) == (["higher", "lower"], "lower")
    assert not benchmark.has_audio


def test_the_right_option_of_pitch_stands_first_about_half_the_time(tmp_path):
    rows = "".join(f"Sound {n} has a [MASK] pitch.,{('higher', 'lower')[n % 3 == 0]}\n" for n in range(400))
    items = load("auditorybench-pitch", written(tmp_path, f"sentence,answer\n{rows}")).items
    assert 160 < sum(item.choices[0] == item.answer for item in items) < 240


def test_quotes_and_blank_spans_of_the_official_file_are_read(tmp_path):
    assert '22" ultra-thin' in load("auditorybench-pitch", written(tmp_path, PITCH)).items[2].question


def test_equal_rows_are_all_kept_under_ids_of_their_own(tmp_path):
    first, second, *others = (item.id for item in load("auditorybench-pitch", written(tmp_path, PITCH)).items)
    assert second == f"{first}-2"
    assert len({first, second, *others}) == 4


def test_an_animal_has_three_rivals_and_its_own_place_among_them(tmp_path):
    items = animals(tmp_path).values()
    assert all(len(set(item.choices)) == 4 and item.answer in item.choices for item in items)
    assert len({item.choices.index(item.answer or "") for item in items}) > 1


def test_no_rival_shares_a_word_of_the_description_in_any_row(tmp_path):
    sounds = [("tiger", "hoot"), ("fox", "hooting"), ("bear", "loud Hoots"), ("whale", "splash"), ("whale", "hoot")]
    sounds += [("crab", "clicking"), ("eel", "a sound of splashing"), ("camel", "groan")]
    rows = "".join(f"{animal},{sound},A [MASK] makes {sound}.\n" for animal, sound in sounds)
    assert set(animals(tmp_path, f"animal,description,sentence\n{rows}")["tiger"].choices) == {
        "tiger", "crab", "eel", "camel"
    }  # fmt: skip


def test_no_rival_is_kind_or_kin_of_the_animal_or_a_word_for_all(tmp_path):
    items = animals(tmp_path)
    assert not any("owl" in rival for rival in items["bird"].choices)
    assert not any("owl" in rival for rival in items["owl"].choices if rival != "owl")
    assert all("animal" not in item.choices for item in items.values() if item.answer != "animal")


def test_options_and_ids_do_not_depend_on_the_order_of_the_rows(tmp_path):
    header, *rows = ANIMAL.splitlines(keepends=True)
    before = animals(tmp_path)
    random.Random(3).shuffle(rows)
    assert animals(tmp_path, header + "".join(rows)) == before


def test_another_animal_far_down_changes_options_only_by_taking_part(tmp_path):
    before, after = animals(tmp_path), animals(tmp_path, ANIMAL + "yak,humming,A [MASK] makes a humming sound.\n")
    assert all(after[name].choices == item.choices or "yak" in after[name].choices for name, item in before.items())


def test_the_options_of_a_row_are_pinned(tmp_path):
    """They are data once results are published: a change here needs another seed and another name."""
    assert animals(tmp_path)["cow"].choices == ("dolphin", "dog", "cow", "eagle owl")


def test_sentences_that_name_the_animal_are_told_apart(tmp_path):
    items = animals(tmp_path)
    assert items["cricket"].groups == {"sentence": "names the animal"}
    assert items["cat"].groups == {"sentence": "does not name the animal"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sentence,answer\nx [MASK] y,louder\n", "rows.csv:2: answer"),
        ("sentence,answer\nno mask,lower\n", "rows.csv:2: sentence"),
        ("sentence,answer\n[MASK] and [MASK],lower\n", "rows.csv:2: sentence"),
        ("sentence,answer\n[MASK],lower\n ,lower\n", "rows.csv:3: sentence"),
        ('sentence,answer\n"a\nb [MASK]",lower\n[MASK],lower,more\n', "rows.csv:4"),
        ('sentence,answer\n"[MASK]" x,lower\n', "rows.csv:2"),
        ('sentence,answer\n"[MASK],lower\n', "rows.csv:2"),
        ("sentence,reply\n[MASK],lower\n", "rows.csv:1: answer"),
        ("", "rows.csv"),
    ],
)
def test_a_malformed_row_is_refused_by_file_line_and_column(tmp_path, text, field):
    with pytest.raises(MalformedRow) as refusal:
        load("auditorybench-pitch", written(tmp_path, text))
    assert refusal.value.field == field
    assert refusal.value.remedy


def test_a_file_that_is_no_utf_8_is_refused_by_its_line(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"sentence,answer\n[MASK],lower\n\xff [MASK],lower\n")
    with pytest.raises(MalformedRow) as refusal:
        load("auditorybench-pitch", path)
    assert refusal.value.field == "rows.csv:3"


def test_too_few_animals_to_choose_from_is_said(tmp_path):
    with pytest.raises(MalformedRow, match="differ enough"):
        animals(tmp_path, "".join(ANIMAL.splitlines(keepends=True)[:4]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("owl", "eagle owl"),
        ("crow", "crows"),
        ("goose", "snow geese"),
        ("tree frog", "gray tree frog"),
        ("barn owl", "eagle owl"),
        ("bird", "winter wren"),
        ("birds", "guineafowl"),
        ("dog", "puppy"),
        ("fly", "flies"),
        ("insect", "cicadas"),
    ],
)
def test_kin_are_known_by_spelling_last_word_or_kind_either_way_round(one, other):
    assert akin(one, other)
    assert akin(other, one)


@pytest.mark.parametrize(("one", "other"), [("owl", "wren"), ("cow", "horse"), ("tiger", "frog"), ("bird", "bat")])
def test_strangers_are_no_kin(one, other):
    assert not akin(one, other)


def test_words_for_animals_at_large_are_known():
    assert all(is_anything(name) for name in ("animal", "water animals", "small creature", "sea monster"))
    assert not is_anything("bird")
