import json
import re
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest

from services.evaluator.benchmarks import akb
from tools.mini_akb.build import LETTERS, OUTPUT, checked, length_bias, normalised, render, rows
from tools.mini_akb.rules import fault
from tools.mini_akb.sources import CATEGORIES

README = OUTPUT.with_name("README.md")
KEYS = ["id", "question", "choices", "answer", "category", "subcategory", "verified_by", "evidence"]
MOST_BY_LENGTH = 0.40
"""The most that always taking the longest, or the shortest, option may score; chance is 0.25."""


@pytest.fixture(scope="module")
def entries():
    return checked()


@pytest.fixture(scope="module")
def lines():
    return [json.loads(line) for line in OUTPUT.read_text(encoding="utf-8").splitlines()]


def letter(row):
    return LETTERS[row["choices"].index(row["answer"])]


def test_the_file_is_what_the_builder_makes_byte_for_byte(entries):
    assert OUTPUT.read_bytes() == render(rows(entries))


def test_every_row_has_the_same_keys_in_order_and_ids_count_up(lines):
    assert all(list(row) == KEYS for row in lines)
    assert [row["id"] for row in lines] == [f"mini-akb-{number:04d}" for number in range(1, 241)]


def test_six_categories_have_eight_subcategories_of_five_questions(lines):
    places = Counter((row["category"], row["subcategory"]) for row in lines)
    assert len(places) == 48 and set(places.values()) == {5}
    assert Counter(category for category, _ in places) == dict.fromkeys(CATEGORIES, 8)


def test_every_letter_is_the_answer_to_a_quarter_of_each_category(lines):
    for category, group in groupby(lines, key=lambda row: row["category"]):
        assert Counter(map(letter, group)) == dict.fromkeys(LETTERS, 10), category


def test_no_question_comes_twice_and_no_option_twice_in_a_question(lines):
    assert len({normalised(row["question"]) for row in lines}) == len(lines)
    assert all(len({choice.casefold() for choice in row["choices"]}) == 4 for row in lines)


def test_no_text_has_outer_blanks(lines):
    texts = [
        text
        for row in lines
        for text in (*row["choices"], *(value for value in row.values() if value != row["choices"]))
    ]
    assert all(text and text == text.strip() for text in texts)


def test_no_answer_claims_an_independent_human(lines):
    assert {row["verified_by"] for row in lines} == {"rule", "source", "author"}


def test_every_phonetic_answer_is_verified_by_rule(lines):
    assert {row["verified_by"] for row in lines if row["category"] == "Phonetic"} == {"rule"}


def test_no_rule_objects_to_an_answer_and_each_objects_to_any_other_option(entries):
    by_rule = [entry.content for entry in entries if entry.content.verified_by == "rule"]
    assert by_rule
    for content in by_rule:
        assert fault(content.evidence, content.answer, content.distractors) == ""
        for planted in content.distractors:
            others = [choice for choice in content.choices if choice != planted]
            assert f"rejects the answer {planted!r}" in fault(content.evidence, planted, others)


@pytest.mark.parametrize("category", [*CATEGORIES, None])
def test_the_length_of_an_option_does_not_give_the_answer_away(entries, category):
    longest, shortest = length_bias([entry for entry in entries if category in (None, entry.category)])
    assert longest <= MOST_BY_LENGTH and shortest <= MOST_BY_LENGTH


def test_the_evaluator_reads_every_row_as_an_item_with_its_answer(lines):
    items = akb.read(Path(OUTPUT)).items
    assert [(item.id, item.answer) for item in items] == [(row["id"], row["answer"]) for row in lines]


def test_the_readme_states_the_taxonomy_and_how_many_answers_each_way_verified(lines, entries):
    table = dict(re.findall(r"^\| (\w+) \| (.+) \|$", README.read_text(encoding="utf-8"), flags=re.MULTILINE))
    for category in CATEGORIES:
        group = [row for row in lines if row["category"] == category]
        names = "; ".join(dict.fromkeys(row["subcategory"] for row in group))
        ways = Counter(row["verified_by"] for row in group)
        assert table[category] == f"{names} | {ways['rule']} | {ways['source']} | {ways['author']}"
    totals = Counter(row["verified_by"] for row in lines)
    longest, shortest = length_bias(entries)
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert f"longest option is right {longest:.0%} of the time, always taking the shortest {shortest:.0%};" in text
    assert table["All"] == f"48 subcategories | {totals['rule']} | {totals['source']} | {totals['author']}"
