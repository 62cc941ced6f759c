import asyncio
import json

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
    row = {"question": "What is it that rings?", "answer": "a bell", "distractors": ["one", "two", "three"]}
    made = generated(tmp_path / "log", Model(lambda request: json.dumps({"questions": [row, row]})))
    assert [made.count(name) for name in ("Rhyme", "Filters")] == [1, 0] or made.near > 0
    assert len(made.questions) == 1
    known = generated(
        tmp_path / "log2", Model(lambda request: json.dumps({"questions": [row]})), existing=made.questions
    )
    assert known.questions == [] and known.near > 0


@pytest.mark.parametrize(
    ("text", "good", "faults"),
    [
        ("I cannot do that.", 0, 1),
        ('{"questions": 3}', 0, 1),
        ('{"questions": [{"question": "Q?"}]}', 0, 1),
        ('{"questions": [{"question": "Q?", "answer": "a", "distractors": ["b", "c"]}]}', 0, 1),
        ('{"questions": [{"question": "Q?", "answer": "a", "distractors": ["b", "A", "c"]}]}', 0, 1),
        ('{"questions": [{"question": "Q?", "answer": " a ", "distractors": ["b", "c", "d"]}, 4]}', 1, 1),
    ],
)
def test_a_reply_is_read_as_far_as_it_is_well_formed(text, good, faults):
    questions, wrong = drafts.questions_in(text, "Music", "Intervals", "m")
    assert (len(questions), len(wrong)) == (good, faults)
    assert [question.answer for question in questions] == ["a"] * good


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


async def test_one_model_twice_is_refused_and_so_is_none():
    with pytest.raises(InvalidInput, match="no model"):
        await open_writers([], {})
    async with serving(FunctionServicer(Model().answer), LlmClient) as client:
        with pytest.raises(InvalidInput, match="the same model"):
            await open_writers([client.endpoint.address] * 2, drafts.schema(1))
