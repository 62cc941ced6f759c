from dataclasses import replace

import pytest

from earwitness.errors import NotFound
from services.evaluator.items import SETTINGS, Item
from services.evaluator.prompts import DEFAULT, PromptTemplate, template

ITEM = Item(id="1", question="What barks?", choices=("A dog", "A bell", "A kettle"), answer="A dog")
EVERYTHING = "{question}|{caption}|{lettered}|{quoted}|{other}"
TEMPLATE = PromptTemplate(name="t@1", note="", system="{question}", text=EVERYTHING, cascade="{caption}", audio="{{}}")


def user(template: PromptTemplate, item: Item, setting="text", caption=""):
    return template.render(item, setting, caption)[1].content


def test_each_field_is_filled_and_other_braces_stay():
    lettered, quoted = "(A) A dog\n(B) A bell\n(C) A kettle", '"A dog", "A bell" or "A kettle"'
    assert user(TEMPLATE, ITEM, caption="A yard.") == f"What barks?|A yard.|{lettered}|{quoted}|{{other}}"
    assert user(TEMPLATE, ITEM, "audio") == "{{}}"


def test_what_an_item_or_a_caption_says_is_never_read_as_a_template():
    item = replace(ITEM, question="Is {caption} a field? {question}", choices=("{quoted}", "{lettered}"))
    assert user(TEMPLATE, item, caption="{question}") == (
        'Is {caption} a field? {question}|{question}|(A) {quoted}\n(B) {lettered}|"{quoted}" or "{lettered}"|{other}'
    )


def test_the_system_turn_is_said_as_it_is_written():
    system, user = TEMPLATE.render(ITEM, "text")
    assert (system.role, system.content, user.role) == ("system", "{question}", "user")


def test_a_single_choice_has_no_or():
    assert user(replace(TEMPLATE, text="{quoted}"), replace(ITEM, choices=("A dog",))) == '"A dog"'


def test_an_unknown_template_is_not_found_and_the_known_are_named():
    with pytest.raises(NotFound, match=r"desta-mmau@1") as caught:
        template("figure-9")
    assert caught.value.field == "prompt"
    assert DEFAULT in caught.value.remedy


@pytest.mark.parametrize("name", ["figure-1@1", "desta-mmau@1"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_wording_asks_the_question_with_its_choices_and_leaves_no_field(name, setting):
    content = user(template(name), ITEM, setting, "A yard.")
    assert all(text in content for text in ("What barks?", *ITEM.choices))
    assert not any(character in content for character in "{}")
    assert ("A yard." in content) == (setting == "cascade")
    assert content.count("<|AUDIO|>") == (setting == "audio")
