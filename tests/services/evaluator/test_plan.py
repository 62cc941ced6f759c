from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput, NotFound
from services.evaluator.plan import Plan
from tests.services.evaluator.conftest import benchmark, item

WORDS = benchmark([item("1")])
CLIPS = replace(WORDS, has_audio=True)


@pytest.mark.parametrize(
    ("asked", "setting", "plan"),
    [
        (WORDS, "text", Plan()),
        (WORDS, "text", Plan(answering="letters")),
        (WORDS, "text", Plan(answering="options", prompt="desta-mmau@1")),
        (WORDS, "text", Plan(control="shuffle", rotation=3)),
        (CLIPS, "cascade", Plan(caption_prompt="question-aware@1")),
        (CLIPS, "audio", Plan(control="blind")),
        (CLIPS, "text", Plan(control="blind")),
    ],
)
def test_what_can_be_asked_is_accepted(asked, setting, plan):
    plan.check(asked, setting)


@pytest.mark.parametrize(
    ("asked", "setting", "plan", "field"),
    [
        (WORDS, "audio", Plan(), "setting"),
        (WORDS, "cascade", Plan(), "setting"),
        (CLIPS, "text", Plan(), "setting"),
        (WORDS, "text", Plan(control="blind"), "control"),
        (CLIPS, "cascade", Plan(control="blind"), "control"),
        (CLIPS, "audio", Plan(answering="letters"), "answering"),
        (WORDS, "text", Plan(answering="letters", prompt="desta-mmau@1"), "answering"),
        (WORDS, "text", Plan(control="shuffle", rotation=0), "rotation"),
        (WORDS, "text", Plan(in_flight=0), "in_flight"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_key(asked, setting, plan, field):
    with pytest.raises(InvalidInput) as caught:
        plan.check(asked, setting)
    assert caught.value.field == field
    assert caught.value.remedy


def test_an_unknown_prompt_is_not_found_by_its_key():
    for plan in (Plan(prompt="figure-9"), Plan(caption_prompt="figure-9")):
        with pytest.raises(NotFound, match="known"):
            plan.check(WORDS, "text")
