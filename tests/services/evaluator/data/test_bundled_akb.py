"""The two bundled text benchmarks, as they lie in the package."""

import hashlib
import json
import re
from collections import Counter

import pytest

from services.evaluator.akb import checks, taxonomy
from services.evaluator.akb.contamination import contamination, texts
from services.evaluator.akb.proof import prove
from services.evaluator.akb.question import normalised, read
from services.evaluator.akb.rules.registry import RULES, load_rules
from services.evaluator.benchmarks import load
from services.evaluator.items import LETTERS
from tools.open_akb.build import MINI, OPEN, checked, files

README = MINI.with_name("README.md")
FILE = OPEN / "open-akb.jsonl"
KEYS = ["id", "question", "choices", "answer", "category", "subcategory", "verified_by", "evidence"]
CATEGORIES = [category.name for category in taxonomy.read().categories]
FEWEST_PROVED = 460


@pytest.fixture(scope="module")
def built():
    return files(checked())


@pytest.fixture(scope="module")
def opened():
    return read(FILE)


@pytest.fixture(scope="module")
def mini():
    return read(MINI)


def test_every_file_is_what_the_builder_makes_byte_for_byte(built):
    for path, data in built.items():
        assert path.read_bytes() == data, path.name


def test_the_checksums_are_those_of_the_files():
    for line in (OPEN / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((OPEN / name).read_bytes()).hexdigest() == digest


def test_mini_akb_is_the_file_that_older_results_speak_of():
    assert hashlib.sha256(MINI.read_bytes()).hexdigest().startswith("201758ee33bd")


@pytest.mark.parametrize(("path", "number"), [(MINI, 240), (FILE, 960)])
def test_six_categories_have_eight_subcategories_of_equal_size(path, number):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(list(row) == KEYS for row in rows)
    assert len({row["id"] for row in rows}) == len(rows) == number
    places = Counter((row["category"], row["subcategory"]) for row in rows)
    assert set(places) == {(one.name, two.name) for one, two in taxonomy.read().places}
    assert set(places.values()) == {number // 48}


@pytest.mark.parametrize("path", [MINI, FILE])
def test_every_letter_is_the_answer_to_a_quarter_of_each_category(path):
    questions = read(path)
    for category in CATEGORIES:
        group = [each for each in questions if each.category == category]
        letters = Counter(LETTERS[each.choices.index(each.answer)] for each in group)
        assert letters == dict.fromkeys("ABCD", len(group) // 4), category


def test_a_question_of_mini_akb_is_put_the_same_way_in_open_akb(opened, mini):
    choices = {each.question: each.choices for each in opened}
    assert all(choices[each.question] == each.choices for each in mini)


def test_rules_prove_nearly_half_and_refute_none(opened):
    proof = prove(opened)
    assert proof.refuted == {} and len(proof.proved) >= FEWEST_PROVED
    assert {each.verified_by for each in opened if each.category == "Phonetic"} == {"rule"}


def test_every_rule_serves_a_question(opened):
    load_rules()
    assert set(RULES) == {each.evidence.partition("(")[0] for each in opened if each.verified_by == "rule"}


def test_no_answer_claims_an_independent_human_and_each_has_evidence(opened):
    assert {each.verified_by for each in opened} == {"rule", "source", "author"}
    assert all(each.evidence for each in opened)


@pytest.mark.parametrize("path", [MINI, FILE])
@pytest.mark.parametrize("check", [*checks.ALWAYS, checks.outside(taxonomy.read())])
def test_the_checks_find_nothing(check, path):
    assert check(read(path)) == []


def test_no_question_stands_in_a_benchmark_that_is_bundled_beside_them(opened):
    for other in ("mini-mmau/mini-mmau.json", "mini-mmar/MMAR-meta.jsonl"):
        assert contamination(opened, other, texts(OPEN.parent / other)) == []


def test_no_question_comes_twice(opened):
    assert len({normalised(each.question) for each in opened}) == len(opened)


def test_the_evaluator_reads_every_row_as_an_item_with_its_answer(opened):
    items = load("akb", FILE).items
    assert [(item.id, item.answer) for item in items] == [(each.id, each.answer) for each in opened]


def test_the_readme_of_mini_akb_states_how_its_answers_are_verified(mini):
    table = dict(re.findall(r"^\| (\w+) \| (.+) \|$", README.read_text(encoding="utf-8"), flags=re.MULTILINE))
    for category in (*CATEGORIES, "All"):
        group = [each for each in mini if category in (each.category, "All")]
        ways = Counter(each.verified_by for each in group)
        names = "; ".join(dict.fromkeys(each.subcategory for each in group))
        named = "48 subcategories" if category == "All" else names
        assert table[category] == f"{named} | {ways['rule']} | {ways['source']} | {ways['author']}"
    longest, shortest = checks.length_shares(mini)
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert f"longest option is right {longest:.0%} of the time, always taking the shortest {shortest:.0%};" in text
