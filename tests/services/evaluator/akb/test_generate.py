import asyncio
import json
from collections import Counter

import pytest

from earwitness.clients import LlmClient
from earwitness.errors import InvalidInput
from earwitness.fanout import Retries
from earwitness.sampling import Extras
from services.evaluator.akb import drafts, taxonomy
from services.evaluator.akb.calls import CallLog
from services.evaluator.akb.generate import Order, generate
from services.evaluator.akb.writers import ServiceWriter, open_writers
from services.evaluator.service import Service
from tests.services.evaluator.akb.model import Model
from tests.serving import FunctionServicer, identity, serving

ORDER = Order(taxonomy=taxonomy.read(), per_subcategory=3, per_call=2, only=frozenset({"Rhyme", "Filters"}))


def generated(path, *models, order=ORDER, existing=()):
    async def run():
        writers, stacks = [], []
        for number, model in enumerate(models):
            stack = serving(FunctionServicer(model.answer, limit=64), LlmClient)
            client = await stack.__aenter__()
            stacks.append(stack)
            service = Service(client=client, identity=identity(f"m{number}"), retries=Retries(attempts=1))
            writers.append(ServiceWriter(service=service, extras=Extras(json_schema=json.dumps(drafts.schema(2)))))
        try:
            with CallLog(path) as log:
                return await generate(order, writers, log, existing=existing)
        finally:
            for stack in stacks:
                await stack.__aexit__(None, None, None)

    return asyncio.run(run())


def test_every_subcategory_is_filled_by_models_in_turn_and_the_schema_is_sent(tmp_path):
    models = Model(), Model()
    made = generated(tmp_path / "log", *models)
    assert {name: made.count(name) for name in ("Rhyme", "Filters")} == {"Rhyme": 3, "Filters": 3}
    assert all(model.requests for model in models)
    assert json.loads(models[0].requests[0].json_schema) == drafts.schema(2)
    assert {question.evidence for question in made.questions} == {
        f"drafted by m{n}, which names: a book" for n in (0, 1)
    }
    assert all(not question.verified_by for question in made.questions)


def test_the_same_seed_gives_the_same_drafts_and_another_does_not(tmp_path):
    one, again = (generated(tmp_path / name, Model()).questions for name in "ab")
    other = generated(tmp_path / "c", Model(), order=Order(**{**fields(ORDER), "seed": 5})).questions
    assert one == again != other


def fields(order):
    return {name: getattr(order, name) for name in Order.__dataclass_fields__}


def test_started_again_it_asks_nothing_twice(tmp_path):
    first, second = Model(), Model()
    before = generated(tmp_path / "log", first)
    after = generated(tmp_path / "log", second)
    assert before.asked > 0 and after.asked == 0 and not second.requests
    assert after.questions == before.questions


def test_a_failed_call_loses_nothing_and_is_asked_again(tmp_path):
    model = Model()
    model.failing = 2
    made = generated(tmp_path / "log", model)
    assert made.failed == 2 and len(made.questions) == 6
    errors = [json.loads(line)["error"] for line in (tmp_path / "log").read_text().splitlines()]
    assert sum("UNAVAILABLE: " in error for error in errors) == 2


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path):
    generated(tmp_path / "log", Model())
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "log").write_bytes(whole[:-20])
    again = Model()
    made = generated(tmp_path / "log", again)
    assert len(again.requests) == 1 and len(made.questions) == 6


def test_what_is_nearly_the_same_as_another_is_left_out(tmp_path):
    row = {
        "question": "What is it that rings out over the roofs of a town?",
        "answer": "a bell",
        "distractors": ["one", "two", "three"],
    }
    made = generated(tmp_path / "log", Model(lambda request: json.dumps({"questions": [row, row]})))
    assert len(made.questions) == 1
    assert (made.near[0].reason, made.near[0].draft) == ("another draft asks the same", row["question"])
    known = generated(
        tmp_path / "log2", Model(lambda request: json.dumps({"questions": [row]})), existing=made.questions
    )
    assert known.questions == [] and known.near
    like = [row, row | {"question": "What is it that rings out so over the roofs of a town?"}]
    near = generated(tmp_path / "log3", Model(lambda request: json.dumps({"questions": like}))).near
    (told,) = {each.reason for each in near if each.draft == like[1]["question"]}
    assert told.startswith("shares ") and told.endswith(f"% of its wording with {row['question']!r}")


@pytest.mark.parametrize(
    ("text", "good", "faults"),
    [
        ("I cannot do that.", 0, 1),
        ('{"questions": 3}', 0, 1),
        ('{"questions": [{"question": "Q?"}]}', 0, 1),
        ('{"questions": [{"question": "Q?", "answer": "a", "distractors": ["b", "c"]}]}', 0, 1),
        ('{"questions": [{"question": "Q?", "answer": "a", "distractors": ["b", "A", "c"]}]}', 0, 1),
        (json.dumps({"questions": [{"question": "Q?", "answer": "a" * 120, "distractors": ["b", "c", "d"]}]}), 0, 1),
        ('{"questions": [{"question": "Q?", "answer": " a ", "distractors": ["b", "c", "d"]}, 4]}', 1, 1),
        ('{"questions": [{"question": "Q?", "answer": "a", "distractors": ["b", "c", "d"]}, {"question": "Wh', 1, 1),
        ('{"questions": [{"question": "Q?", "answer"', 0, 1),
        ('{"questions', 0, 1),
    ],
)
def test_a_reply_is_read_as_far_as_it_is_well_formed(text, good, faults):
    questions, wrong = drafts.questions_in(text, "Music", "Intervals", "m")
    assert (len(questions), len(wrong)) == (good, faults)
    assert [question.answer for question in questions] == ["a"] * good


def test_what_is_wrong_with_a_draft_is_told_with_its_words():
    text = '{"questions": [{"question": "Q?", "answer": "a", "distractors": ["a", "c", "d"]}, {"question": "Why'
    _, faults = drafts.questions_in(text, "Music", "Intervals", "m")
    assert [fault.draft for fault in faults] == ['{"question": "Why', "Q?"]
    assert "breaks off after 1 whole questions" in faults[0].text and faults[1].text == "two choices are the same"


def test_the_answer_of_a_draft_stands_at_every_letter_as_often(tmp_path):
    order = Order(**(fields(ORDER) | {"per_subcategory": 4}))
    made = generated(tmp_path / "log", Model(), order=order).questions
    at = Counter((each.category, each.choices.index(each.answer)) for each in made)
    assert at == {(category, place): 1 for category in ("Phonetic", "Technical") for place in range(4)}


def test_a_prompt_tells_the_place_and_what_was_asked():
    category, subcategory = ORDER.taxonomy.places[0]
    words = drafts.prompt(category, subcategory, 3, ["What rings?"])
    assert words.startswith("Write 3 ") and subcategory.about in words and "- What rings?" in words
    assert "already" not in drafts.prompt(category, subcategory, 3, [])


@pytest.mark.parametrize(
    ("change", "field"), [({"per_subcategory": 0}, "--per-subcategory"), ({"only": frozenset({"Cheese"})}, "--only")]
)
def test_an_order_that_cannot_be_carried_out_is_refused(change, field):
    with pytest.raises(InvalidInput) as refused:
        Order(**(fields(ORDER) | change)).check()
    assert refused.value.field == field


@pytest.mark.parametrize(("targets", "reason"), [([], "no model"), (["127.0.0.1:1"] * 2, "named twice")])
async def test_no_target_is_refused_and_so_is_one_twice(targets, reason):
    with pytest.raises(InvalidInput, match=reason):
        await open_writers(targets, {})


async def test_one_model_at_two_addresses_is_two_writers():
    async with (
        serving(FunctionServicer(Model().answer), LlmClient) as one,
        serving(FunctionServicer(Model().answer), LlmClient) as other,
    ):
        writers = await open_writers([one.endpoint.address, other.endpoint.address], drafts.schema(1))
        assert len({writer.fingerprint for writer in writers}) == 1
        for writer in writers:
            await writer.close()
