import pytest

from earwitness.clients import LlmClient
from earwitness.errors import InvalidInput
from services.evaluator.akb.guessing import HIDDEN, Trial, by_chance, solved, trials
from services.evaluator.service import Service
from tests.services.evaluator.akb.questions import question
from tests.serving import FunctionServicer, identity, said, serving


def trial(right, hidden=False, model="m", rotation=0):
    return Trial(place=question(0).place, model=model, rotation=rotation, hidden=hidden, right=right)


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ([], []),
        ([trial(True), trial(True, rotation=1)], ["solved-without-thinking"]),
        ([trial(True), trial(False, rotation=1)], []),
        ([trial(True), trial(False, model="n")], []),
        ([trial(False), trial(True, hidden=True)], ["solved-from-choices"]),
    ],
)
def test_a_question_is_solved_where_every_model_is_right_in_every_trial(made, found):
    assert [each.check for each in solved([question(0)], made)] == found


def test_lots_solve_a_question_of_four_choices_in_two_trials_once_in_sixteen():
    made = [trial(True), trial(False, rotation=1)]
    assert by_chance([question(0), question(1)], made) == 1 / 16
    assert by_chance([question(0)], []) == 0


async def test_every_model_tries_every_rotation_and_the_question_is_hidden_where_wished():
    asked = []

    async def knows(request):
        asked.append(request.messages[-1].content)
        if "kettle" in asked[-1] and "omega 0" in asked[-1].split("(B)")[0]:
            raise InvalidInput("not this one", "messages")
        return said("alpha 0")

    async with serving(FunctionServicer(knows, limit=64), LlmClient) as client:
        models = {"m": Service(client=client, identity=identity("m"))}
        shown = await trials([question(0), question(1)], models, hidden=False)
        hidden = await trials([question(0)], models, hidden=True, rotations=1)
    right = {(each.place, each.rotation) for each in shown if each.right}
    assert right == {(question(0).place, at) for at in (0, 2, 3)}
    assert ["not this one" in each.error for each in shown if each.error] == [True]
    assert [each.check for each in solved([question(0)], shown)] == ["solved-without-thinking"]
    assert len([each for each in shown if each.place == question(1).place]) == 4
    assert [each.right for each in hidden] == [True] and HIDDEN in asked[-1]
