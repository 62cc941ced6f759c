import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import EngineFailure, InvalidInput
from earwitness.openai import Endpoint, reply
from earwitness.sampling import Generation, Sampling
from tests.earwitness.openai.vendor import said

MODEL = Endpoint(name="mine", base_url="http://host/v1", model="m", top_logprobs=5)
UNSTOPPED = Endpoint(name="mine", base_url="http://host/v1", model="m", stop=False)


def generation(body, found=MODEL, sampling=None):
    return reply.generation(reply.completion(json.dumps(body).encode()), found, sampling or Sampling())


def without(body, *path):
    *parents, last = path
    for key in parents:
        body = body[key]
    del body[last]


def place(token, **top):
    listed = [{"token": text, "logprob": value, "bytes": None} for text, value in top.items()]
    return {"token": token, "logprob": top.get(token, -0.1), "bytes": None, "top_logprobs": listed}


def scores(places, letters="ABCD"):
    body = said()
    body["choices"][0]["logprobs"] = {"content": places, "refusal": None}
    return reply.scores(reply.completion(json.dumps(body).encode()), list(letters), MODEL)


def test_a_completion_is_a_text_and_its_cost():
    assert generation(said("(B) Thunder")) == Generation(
        text="(B) Thunder", finish_reason="stop", prompt_tokens=60, completion_tokens=5
    )


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("content_filter", "stop"),
        ("SAFETY", "stop"),
        ("tool_calls", "stop"),
        (None, "stop"),
    ],
)
def test_every_reason_to_finish_is_an_end_or_a_limit(named, meant):
    assert generation(said("Thun", named)).finish_reason == meant


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (said(None, refusal="I cannot help with that."), "I cannot help with that."),
        (said(None, "content_filter"), ""),
        (said("", "stop"), ""),
        (said("The", "content_filter"), "The"),
    ],
)
def test_a_refusal_is_an_answer(body, text):
    assert generation(body).text == text


def test_reasoning_is_no_part_of_the_text():
    assert generation(said("B", reasoning_content="It is loud, so", reasoning="hm")).text == "B"


def test_a_filter_may_leave_no_message_and_no_usage():
    body = said(finish_reason="content_filter")
    without(body, "choices", 0, "message")
    without(body, "usage")
    assert generation(body) == Generation(text="", finish_reason="stop", prompt_tokens=0, completion_tokens=0)


def test_usage_may_lack_a_part():
    body = said()
    body["usage"] = {"prompt_tokens": 7, "completion_tokens": None}
    assert generation(body).prompt_tokens == 7
    assert generation(body).completion_tokens == 0


@pytest.mark.parametrize(
    ("path", "told"),
    [(("choices",), "`choices`"), (("choices", 0), "array` of length >= 1"), (("choices", 0, "message"), "`message`")],
)
def test_what_a_completion_lacks_is_named(path, told):
    body = said(finish_reason=None)
    without(body, *path)
    with pytest.raises(EngineFailure, match=told):
        generation(body)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b"null", b'{"choices": 3}', b"\xff", b'{"choices": [{"message": 1}]}']
)
def test_any_other_reply_is_an_engine_failure(data):
    with pytest.raises(EngineFailure, match="no chat completion"):
        reply.completion(data)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data):
    with pytest.raises(EngineFailure):
        reply.completion(data)


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_a_reply_that_broke_off_is_no_answer(reason):
    with pytest.raises(EngineFailure, match=reason):
        generation(said("Thun", reason))


def test_stop_sequences_are_cut_where_the_api_does_not():
    sampling = Sampling(stop=("##", "\n"))
    cut = generation(said("(B) Thunder\nbecause ## of", "length"), UNSTOPPED, sampling)
    assert (cut.text, cut.finish_reason) == ("(B) Thunder", "stop")
    assert generation(said("a\nb"), MODEL, sampling).text == "a\nb"
    assert generation(said("a b", "length"), UNSTOPPED, sampling).finish_reason == "length"


def test_letters_are_scored_by_the_first_token():
    found = scores([place("B", B=-0.2, A=-2.0, C=-3.0, D=-4.0)])
    assert found == [(-2.0, 1), (-0.2, 1), (-3.0, 1), (-4.0, 1)]


def test_a_bracket_before_the_letter_is_passed_over():
    found = scores([place("(", **{"(": -0.1, "A": -5.0}), place("B", B=-0.2, A=-2.0), place(")", A=-1.0)], "AB")
    assert found == [(-2.0, 1), (-0.2, 1)]


def test_tokens_that_are_the_same_letter_count_together():
    quarter = math.log(0.25)
    found = scores([place("A", **{"A": quarter, " A": quarter, "B": quarter, "a": quarter})], "AB")
    assert found == [(pytest.approx(math.log(0.5)), 1), (quarter, 1)]


def test_a_letter_out_of_the_list_is_below_all_in_it():
    (a, b, c) = [logprob for logprob, _ in scores([place("A", A=-0.1, The=-3.0, B=-3.0)], "ABC")]
    assert a > b > c
    assert c == pytest.approx(-3.0)


def test_impossible_tokens_do_not_break_the_sum():
    """OpenAI and vLLM write -9999 for a probability of nothing."""
    assert scores([place("A", **{"A": -0.0, " B": -9999.0, "B": -9999.0})], "AB")[1][0] == pytest.approx(
        -9999.0 + math.log(2)
    )


def test_words_are_not_letters():
    with pytest.raises(InvalidInput, match="none of the 2 likeliest tokens"):
        scores([place("Answer", Answer=-0.1, Because=-2.0)])


@pytest.mark.parametrize("logprobs", [None, {"content": None}, {"content": []}])
def test_a_reply_without_log_probabilities_names_the_remedy(logprobs):
    body = said()
    body["choices"][0]["logprobs"] = logprobs
    with pytest.raises(InvalidInput, match=r"openai:mine: m sent no log-probabilities.*top_logprobs"):
        reply.scores(reply.completion(json.dumps(body).encode()), ["A", "B"], MODEL)
