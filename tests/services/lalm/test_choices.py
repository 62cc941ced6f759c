import math

import pytest

from earwitness.errors import EngineFailure
from services.lalm import choices


class Asked:
    """Says that a token's probability is one in as many as its number, less for each token before it."""

    def __init__(self):
        self.questions = []

    async def __call__(self, before, ids):
        self.questions.append((tuple(before), tuple(ids)))
        return {token: -math.log(token) - len(before) for token in ids}


async def test_an_option_is_the_sum_of_its_tokens():
    scores = await choices.score([[2], [2, 3], [5, 3, 7]], Asked())
    assert scores == [
        (pytest.approx(-math.log(2)), 1),
        (pytest.approx(-math.log(6) - 1), 2),
        (pytest.approx(-math.log(105) - 3), 3),
    ]


async def test_options_that_begin_alike_share_their_questions():
    asked = Asked()
    await choices.score([[2], [3], [4], [5]], asked)
    assert asked.questions == [((), (2, 3, 4, 5))]
    asked = Asked()
    await choices.score([[2, 3, 4], [2, 3, 5], [2, 6]], asked)
    assert asked.questions == [((), (2,)), ((2,), (3, 6)), ((2, 3), (4, 5))]


async def test_a_log_probability_that_is_no_number_is_a_failure():
    async def broken(before, ids):
        return dict.fromkeys(ids, math.nan)

    with pytest.raises(EngineFailure, match="finite"):
        await choices.score([[2], [3]], broken)
