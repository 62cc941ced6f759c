import re

import pytest

from tools.mini_akb.build import checked
from tools.mini_akb.rules import RULES, load_rules
from tools.mini_akb.sources import Question

CATEGORIES = ("Music", "Quality", "Technical")


def judged() -> list[Question]:
    return [entry.content for entry in checked(CATEGORIES) if entry.content.verified_by == "rule"]


def test_at_least_half_of_the_questions_are_verified_by_rule():
    assert len(judged()) >= 60


def test_every_rule_serves_a_question():
    load_rules()
    used = {question.evidence["rule"] for question in judged() if isinstance(question.evidence, dict)}
    assert {name for name, rule in RULES.items() if ".acoustics." in rule.__module__} <= used


def numbers(question: Question) -> list[float]:
    """The options' numbers, the answer's first, if all are numbers in one unit; else nothing."""
    found = [re.fullmatch(r"(-?[\d,.]+)(\D*)", choice) for choice in question.choices]
    if len({match and match[2] for match in found}) > 1:
        return []
    return [float(match[1].replace(",", "")) for match in found if match]


def test_a_numeric_answer_is_as_often_the_smallest_or_largest_as_between():
    options = [values for values in map(numbers, judged()) if values]
    extreme = [values for values in options if values[0] in (min(values), max(values))]
    assert len(options) > 40
    assert len(extreme) / len(options) == pytest.approx(0.5, abs=0.1)
