from types import SimpleNamespace

import pytest

from earwitness.engines import reading
from earwitness.errors import EngineFailure


def output(finish_reason: str | None) -> SimpleNamespace:
    return SimpleNamespace(outputs=[SimpleNamespace(text="Half a", finish_reason=finish_reason, token_ids=[1, 2])])


@pytest.mark.parametrize(("reason", "said"), [("stop", "stop"), ("length", "length"), (None, "stop")])
def test_a_text_ends_as_the_engine_says(reason, said):
    assert reading.generation(output(reason), 3, num_top=None).finish_reason == said


@pytest.mark.parametrize("reason", reading.GIVEN_UP)
def test_what_the_engine_gave_up_is_no_answer(reason):
    with pytest.raises(EngineFailure, match=reason):
        reading.generation(output(reason), 3, num_top=None)
