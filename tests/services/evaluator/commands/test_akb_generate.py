"""The commands that ask models, in a process of their own against a real server in this one."""

import asyncio
import json
import sys

import pytest

from earwitness.clients import LlmClient
from services.evaluator.akb import question as questions_of
from tests.services.evaluator.akb.model import Model
from tests.services.evaluator.akb.questions import question
from tests.serving import FunctionServicer, said, serving

CODE = """
import argparse
from services.evaluator.commands import akb
parser = argparse.ArgumentParser()
akb.register(parser.add_subparsers())
options = parser.parse_args()
options.execute(options)
"""


@pytest.fixture
def run():
    async def run(*arguments):
        command = [sys.executable, "-c", CODE, "akb", *map(str, arguments)]
        process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()[-2000:]
        return output.decode()

    return run


async def test_drafts_are_generated_and_a_second_start_asks_nothing(run, tmp_path):
    model, out = Model(), tmp_path / "draft.jsonl"
    async with serving(FunctionServicer(model.answer, limit=64), LlmClient) as client:
        asked = ("generate", out, "--llm", client.endpoint.address, "--per-subcategory", 3, "--only", "Rhyme")
        said_first = await run(*asked)
        number = len(model.requests)
        said_again = await run(*asked)
    assert "3 of 3 drafts" in said_first and number > 0
    assert "3 of 3 drafts" in said_again and ": 0 calls made" in said_again and len(model.requests) == number
    assert {each.subcategory for each in questions_of.read(out)} == {"Rhyme"}


async def test_what_is_left_out_is_told_draft_by_draft(run, tmp_path):
    row = {"question": "What rings?", "answer": "a bell", "distractors": ["a drum", "a reed", "a bell"]}
    model, out = Model(lambda request: json.dumps({"questions": [row]})), tmp_path / "draft.jsonl"
    async with serving(FunctionServicer(model.answer, limit=64), LlmClient) as client:
        at = ("generate", out, "--llm", client.endpoint.address, "--per-subcategory", 1, "--only", "Rhyme")
        output = await run(*at)
    assert "0 of 1 drafts" in output and "left out of Rhyme: two choices are the same: 'What rings?'" in output
    told = [json.loads(line) for line in (tmp_path / "draft.left-out.jsonl").read_text().splitlines()]
    assert len(told) > 1 and {(each["subcategory"], each["draft"]) for each in told} == {("Rhyme", "What rings?")}


async def test_a_small_model_tries_the_questions_with_and_without_their_words(run, tmp_path):
    async def knows(request):
        return said("alpha 0")

    questions_of.write(tmp_path / "q.jsonl", [question(0)])
    async with serving(FunctionServicer(knows, limit=64), LlmClient) as client:
        at = ("check", tmp_path / "q.jsonl", "--llm", client.endpoint.address, "--json", tmp_path / "found.json")
        output = await run(*at)
    assert "with the question: right in 4 of 4 trials" in output and "from the choices alone: right in 4 of 4" in output
    assert "a lot would be right in every trial of about 0.0 of 1 questions" in output
    found = {(each["check"], each["place"]) for each in json.loads((tmp_path / "found.json").read_text())}
    assert found == {(check, question(0).place) for check in ("solved-without-thinking", "solved-from-choices")}
