import hashlib
import json
from dataclasses import asdict, replace

import pytest

from earwitness.sampling import Sampling
from services.evaluator.keys import AnswerKeys
from services.evaluator.plan import Plan
from services.evaluator.prompts import PromptTemplate, template
from services.evaluator.settings import Question
from tests.services.evaluator.conftest import identity, item

WORDING = template("figure-1@1")
PLAN = Plan(sampling=Sampling(max_tokens=8))
ITEM = item("1")
SAMPLING = PLAN.sampling


def key(
    one=ITEM, *, wording: PromptTemplate = WORDING, backbone="echo", sha256="", caption="", plan=PLAN, **sampling
) -> str:
    setting = "cascade" if caption else "text"
    question = Question(turns=wording.render(one, setting, caption), choices=one.choices, audio_sha256=sha256)
    plan = replace(plan, sampling=replace(SAMPLING, **sampling))
    return AnswerKeys(identity(backbone), setting, plan).of(one, question)


@pytest.mark.parametrize(
    "changed",
    [
        {"one": replace(ITEM, question="What sounds like 2?")},
        {"one": replace(ITEM, choices=("A bell", "A dog"))},
        {"one": replace(ITEM, choices=("A dog", "A bell", "A kettle"))},
        {"wording": replace(WORDING, system=f"{WORDING.system} ")},
        {"wording": replace(WORDING, text=f"{WORDING.text}!")},
        {"max_tokens": 9},
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"seed": 1},
        {"stop": ("\n",)},
        {"plan": replace(PLAN, answering="letters")},
        {"plan": replace(PLAN, thinking=True)},
        {"backbone": "another"},
        {"sha256": "ab" * 32},
        {"sha256": "cd" * 32},
        {"caption": "A bell rings."},
        {"caption": "A dog barks."},
        {"plan": replace(PLAN, sample=1)},
    ],
    ids=str,
)
def test_whatever_can_change_the_answer_changes_the_key(changed):
    assert key(**changed) != key()


def test_keys_of_different_questions_differ_among_each_other():
    captions = [key(caption="A bell rings."), key(caption="A dog barks.")]
    sounds = [key(sha256="ab" * 32), key(sha256="cd" * 32)]
    assert len({*captions, *sounds, key(caption="A bell rings.", sha256="ab" * 32)}) == 5


def test_what_cannot_change_the_answer_leaves_the_key():
    renamed = replace(ITEM, id="another", groups={"task": "sound"}, answer="A dog")
    assert key(renamed) == key(ITEM)
    assert key(wording=replace(WORDING, name="renamed@2", note="?", audio="?")) == key()


@pytest.mark.parametrize("text", ["plain", 'with "quotes" and \\ and \n', "naïve ♪ 音", "\x00\x1f\u2028", ""])
def test_a_key_is_the_hash_of_its_parts_as_json(text):
    one = replace(ITEM, question=text, choices=(text, "A bell"))
    question = Question(turns=WORDING.render(one, "text"), choices=one.choices, audio_sha256="ab" * 32)
    content = json.dumps([one.question, list(one.choices), "ab" * 32], ensure_ascii=False)
    parts = [
        "answer",
        hashlib.sha256(content.encode()).hexdigest(),
        identity("echo").fingerprint,
        "text",
        [[turn.role, turn.content] for turn in question.turns],
        asdict(SAMPLING),
        0,
    ]
    expected = hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
    assert AnswerKeys(identity("echo"), "text", PLAN).of(one, question) == expected
