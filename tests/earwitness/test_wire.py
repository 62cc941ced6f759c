import math

import pytest

from earwitness import audio, wire
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.identity import Identity
from earwitness.sampling import DEFAULT_TOKENS, PLAIN, Extras, Generation, Sampling, Token
from earwitness.v1 import lalm_pb2, llm_pb2, model_pb2
from tests import sounds


def turns(*pairs):
    return [llm_pb2.ChatMessage(role=role, content=content) for role, content in pairs]


@pytest.mark.parametrize("kind", [llm_pb2.ChatMessage, lalm_pb2.ListenMessage])
def test_turns_come_off_the_wire_as_they_are(kind):
    spoken = [("system", "Be brief."), ("user", "Hm?"), ("assistant", ""), ("user", "Well? 遅い")]
    messages = [kind(role=role, content=content) for role, content in spoken]
    assert wire.turns_from(messages) == tuple(Turn(role=role, content=content) for role, content in spoken)


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "messages"),
        (turns(*[("user", "a")] * (wire.MAX_TURNS + 1)), "messages"),
        (turns(("user", "a"), ("tool", "b"), ("user", "c")), "messages[1].role"),
        (turns(("", "a")), "messages[0].role"),
        (turns(("user", "a" * (wire.MAX_CHARS + 1))), "messages[0].content"),
        (turns(("user", "a"), ("assistant", "b")), "messages[1].role"),
        (turns(("system", "a")), "messages[0].role"),
    ],
)
def test_turns_that_can_never_be_answered_are_refused_by_their_field(messages, field):
    with pytest.raises(InvalidInput) as caught:
        wire.turns_from(messages)
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_limit_counts_characters_not_bytes():
    assert wire.turns_from(turns(("user", "遅" * wire.MAX_CHARS)))


def test_a_request_that_says_nothing_of_sampling_is_greedy():
    assert wire.sampling_from(model_pb2.Sampling()) == Sampling()
    assert Sampling() == Sampling(max_tokens=DEFAULT_TOKENS, temperature=0.0, top_p=1.0, seed=0, stop=())


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(max_tokens=1, temperature=2.0, top_p=0.5, seed=2**64 - 1, stop=("\n", "遅" * wire.MAX_STOP_CHARS)),
        Sampling(max_tokens=wire.MAX_TOKENS, stop=("x",) * wire.MAX_STOPS),
    ],
)
def test_sampling_survives_the_wire(sampling):
    assert wire.sampling_from(wire.sampling_to(sampling)) == sampling


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", wire.MAX_TOKENS + 1),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_p", -0.1),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("stop", [""]),
        ("stop", ["x"] * (wire.MAX_STOPS + 1)),
        ("stop", ["x" * (wire.MAX_STOP_CHARS + 1)]),
    ],
)
def test_sampling_out_of_range_is_refused_by_its_field(field, value):
    with pytest.raises(InvalidInput) as caught:
        wire.sampling_from(model_pb2.Sampling(**{field: value}))
    assert caught.value.field == f"sampling.{field}"
    assert caught.value.remedy


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_generation_survives_the_wire(reason):
    generation = Generation(text="Woof.", finish_reason=reason, prompt_tokens=7, completion_tokens=3)
    assert wire.generation_from(wire.generation_to(generation)) == generation


def test_the_tokens_of_a_generation_survive_the_wire():
    tokens = (Token(text="Wo", logprob=-0.5, top=(("Wo", -0.5), ("遅", -1.25))), Token(text="of", logprob=-2.0))
    generation = Generation(text="Woof", finish_reason="stop", prompt_tokens=7, completion_tokens=2, tokens=tokens)
    assert wire.generation_from(wire.generation_to(generation)) == generation


def test_a_request_that_wants_nothing_more_is_plain():
    assert wire.extras_from(llm_pb2.GenerateRequest()) == PLAIN
    assert wire.answers_from(llm_pb2.GenerateRequest()) == 1


def test_no_log_probabilities_and_those_of_the_tokens_alone_are_not_the_same():
    assert wire.extras_from(llm_pb2.GenerateRequest(top_logprobs=0)) == Extras(top_logprobs=0)
    with pytest.raises(InvalidInput):
        wire.check_extras(Extras(top_logprobs=-1))


def test_an_identity_survives_the_wire():
    identity = Identity(
        model="org/name@rev",
        fingerprint="ab",
        engine="vllm 1",
        dtype="float32",
        context_tokens=4096,
        weights="cd",
        lineage={"run": "r1", "data.train_rows": "ef"},
    )
    message = wire.identity_to(identity)
    assert wire.identity_from(message) == identity
    assert message.version


def test_a_clip_is_told_by_its_hash_and_its_seconds():
    clip = audio.from_samples(sounds.tone(440, 0.5))
    info = wire.info_to(clip)
    assert (info.sha256, info.seconds) == (clip.sha256, 0.5)
