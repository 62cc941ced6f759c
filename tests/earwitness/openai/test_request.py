import base64
import io
import json

import numpy as np
import pytest
import soundfile

from earwitness import audio
from earwitness.clients import SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, UnreadableAudio
from earwitness.openai import Endpoint, endpoint, request
from earwitness.openai.catalogue import Thinking
from earwitness.sampling import Extras, Sampling
from tests import sounds

TURNS = [Turn(role="system", content="Be brief."), Turn(role="user", content='Which? "(A)" é')]
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": 'Which? "(A)" é'}]
FULL = Sampling(max_tokens=32, temperature=0.7, top_p=0.9, seed=3, stop=("\n", "##"))


def at(**quirks):
    return Endpoint(**({"name": "mine", "base_url": "http://host/v1", "model": "m"} | quirks))


def chat(found, sampling=FULL, **how):
    return json.loads(request.chat(found, TURNS, sampling, **how))


def listen(*turns, found=None):
    return json.loads(request.listening(found or at(audio=True), turns, Sampling()))["messages"]


def spoken(content, *clips, role="user"):
    return SpokenTurn(turn=Turn(role=role, content=content), clips=clips)


def flac(samples):
    return audio.encode_flac(audio.from_samples(samples))


def pcm(part):
    """The samples in a part, which must be 16-bit WAV at 16 kHz mono."""
    assert part.keys() == {"type", "input_audio"}
    assert part["type"] == "input_audio"
    assert part["input_audio"].keys() == {"data", "format"}
    assert part["input_audio"]["format"] == "wav"
    with soundfile.SoundFile(io.BytesIO(base64.b64decode(part["input_audio"]["data"], validate=True))) as file:
        assert (file.format, file.subtype, file.samplerate, file.channels) == ("WAV", "PCM_16", 16_000, 1)
        return file.read(dtype="int16")


BASE = {"model": "m", "messages": MESSAGES}


@pytest.mark.parametrize(
    ("quirks", "sampling", "body"),
    [
        ({}, Sampling(), {"max_tokens": 256, "temperature": 0.0, "seed": 0}),
        ({}, FULL, {"max_tokens": 32, "temperature": 0.7, "top_p": 0.9, "seed": 3, "stop": ["\n", "##"]}),
        ({}, Sampling(max_tokens=1, top_p=0.5), {"max_tokens": 1, "temperature": 0.0, "seed": 0}),
        (
            {"max_tokens_field": "max_completion_tokens", "reasoning_tokens": 1000, "seed": False, "stop": False},
            FULL,
            {"max_completion_tokens": 1032, "temperature": 0.7, "top_p": 0.9},
        ),
        ({"temperature": False}, Sampling(max_tokens=9), {"max_tokens": 9, "seed": 0}),
        (
            {"body": {"reasoning_effort": "none", "nested": {"a": [1]}}},
            Sampling(max_tokens=9),
            {"max_tokens": 9, "temperature": 0.0, "seed": 0, "reasoning_effort": "none", "nested": {"a": [1]}},
        ),
    ],
)
def test_a_body_holds_what_the_api_takes_and_nothing_else(quirks, sampling, body):
    assert chat(at(**quirks), sampling) == BASE | body


def test_the_catalogue_s_body_has_the_last_word():
    assert chat(at(body={"temperature": 1.0}), Sampling())["temperature"] == 1.0


def test_thinking_takes_the_place_of_the_body():
    thinking = Thinking(body={"reasoning_effort": "high"}, reasoning_tokens=500, temperature=False)
    found = at(body={"reasoning_effort": "minimal"}, thinking=thinking)
    assert chat(found, Sampling(max_tokens=9), thinking=True) == BASE | {
        "max_tokens": 509,
        "seed": 0,
        "reasoning_effort": "high",
    }


def test_a_model_that_cannot_be_asked_to_think_says_so():
    with pytest.raises(InvalidInput, match="thinking: m cannot"):
        chat(at(), thinking=True)


@pytest.mark.parametrize("sampling", [Sampling(temperature=0.5), Sampling(temperature=1.0, top_p=0.5)])
def test_a_temperature_that_cannot_be_kept_is_not_dropped_in_silence(sampling):
    with pytest.raises(InvalidInput, match="m takes no temperature"):
        chat(at(temperature=False), sampling)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gpt-5", {"max_completion_tokens": 1056, "seed": 0, "reasoning_effort": "minimal"}),
        ("gpt-4o", {"max_completion_tokens": 32, "temperature": 0.0, "seed": 0}),
        ("claude-sonnet-4.5", {"max_tokens": 32, "temperature": 0.0}),
        (
            "gemini-2.5-pro",
            {
                "max_tokens": 1056,
                "temperature": 0.0,
                "extra_body": {"google": {"thinking_config": {"thinking_budget": 128}}},
            },
        ),
        ("gemini-2.0-flash", {"max_tokens": 32, "temperature": 0.0}),
    ],
)
def test_published_systems_are_asked_as_they_document(name, body):
    found = endpoint(name)
    asked = chat(found, Sampling(max_tokens=32))
    assert asked == {"model": found.model, "messages": MESSAGES} | body


def test_claude_thinks_within_its_budget_and_without_a_temperature():
    asked = chat(endpoint("claude-sonnet-4.5"), Sampling(max_tokens=32), thinking=True)
    assert asked["thinking"]["budget_tokens"] < asked["max_tokens"]
    assert "temperature" not in asked


def test_scoring_asks_for_the_likeliest_tokens():
    asked = json.loads(request.scoring(at(top_logprobs=20), TURNS))
    assert (asked["logprobs"], asked["top_logprobs"], asked["temperature"]) == (True, 20, 0.0)
    assert asked["max_tokens"] <= 8


def test_scoring_without_log_probabilities_names_the_model_and_the_remedy():
    with pytest.raises(InvalidInput, match=r"claude-sonnet-4-5.* reports no log-probabilities.*generate"):
        request.scoring(endpoint("claude-sonnet-4.5"), TURNS)


def test_a_clip_is_sent_sample_for_sample():
    samples = np.array([0, 1, -1, 32767, -32768, 12345], np.int16)
    (message,) = listen(spoken("<|AUDIO|>", flac(samples / 32768)))
    (part,) = message["content"]
    assert np.array_equal(pcm(part), samples)


def test_clips_stand_where_their_marks_stood():
    one, two = flac(sounds.tone(440, 0.1)), flac(sounds.silence(0.2))
    system, user = listen(spoken("Be brief.", role="system"), spoken("Is <|AUDIO|>\nor <|AUDIO|> it?", one, two))
    assert system == {"role": "system", "content": "Be brief."}
    assert user["role"] == "user"
    texts = [part for part in user["content"] if part["type"] == "text"]
    assert [part["type"] for part in user["content"]] == ["text", "input_audio", "text", "input_audio", "text"]
    assert texts == [{"type": "text", "text": text} for text in ("Is ", "\nor ", " it?")]
    assert [len(pcm(part)) for part in user["content"][1::2]] == [1600, 3200]


def test_no_part_is_blank():
    (message,) = listen(spoken("<|AUDIO|>\n<|AUDIO|>", flac(sounds.silence(0.1)), flac(sounds.silence(0.1))))
    assert [part["type"] for part in message["content"]] == ["input_audio", "input_audio"]


@pytest.mark.parametrize("content", ["no mark", "<|AUDIO|> <|AUDIO|>"])
def test_marks_and_clips_agree_in_number(content):
    with pytest.raises(InvalidInput, match=r"messages\[1\]\.content: "):
        listen(spoken("Be brief."), spoken(content, flac(sounds.silence(0.1))))


def test_a_mark_in_pasted_text_is_refused():
    with pytest.raises(InvalidInput, match=r"1 .* for 0 clips"):
        listen(spoken("what is <|AUDIO|>?"))


def test_a_bad_clip_is_named():
    with pytest.raises(UnreadableAudio, match=r"messages\[0\]\.clips\[1\]"):
        listen(spoken("<|AUDIO|><|AUDIO|>", flac(sounds.silence(0.1)), b"RIFF"))


def test_a_deaf_model_is_sent_no_clip():
    clip = flac(sounds.silence(0.1))
    with pytest.raises(InvalidInput, match="gpt-4o-2024-11-20 takes no audio"):
        listen(spoken("<|AUDIO|>", clip), found=endpoint("gpt-4o"))
    with pytest.raises(InvalidInput, match="takes no audio"):
        request.captioning(endpoint("gpt-4o"), clip, "")


@pytest.mark.parametrize(("prompt", "kinds"), [("", ["input_audio"]), ("What?", ["input_audio", "text"])])
def test_a_caption_is_asked_for_in_one_message(prompt, kinds):
    clip = audio.from_samples(sounds.tone(440, 0.5))
    body, sha256, seconds = request.captioning(at(audio=True), audio.encode_flac(clip), prompt)
    (message,) = json.loads(body)["messages"]
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == kinds
    assert audio.from_samples(pcm(message["content"][0]) / 32768).sha256 == clip.sha256 == sha256
    assert seconds == 0.5


def test_letters_are_read_from_options():
    assert request.letters(["A", " B", "(C)", "D."]) == ["A", "B", "C", "D"]


@pytest.mark.parametrize("choices", [["A", "Thunder"], ["(A) Rain", "(B) Thunder"], ["A", "(A)"], ["A", ""]])
def test_what_is_no_letter_of_its_own_is_not_scored(choices):
    with pytest.raises(InvalidInput, match=r"choices\[\d\]"):
        request.letters(choices)


SCHEMA = {"type": "object", "properties": {"animal": {"type": "string"}}, "required": ["animal"]}


def test_log_probabilities_and_a_schema_are_asked_for_where_the_api_has_them():
    extras = Extras(top_logprobs=3, json_schema=json.dumps(SCHEMA))
    body = chat(at(top_logprobs=20, json_schema=True), extras=extras)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    named = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": named}
    assert not {"logprobs", "top_logprobs", "response_format"} & chat(at(top_logprobs=20, json_schema=True)).keys()


def test_any_object_has_a_format_of_its_own():
    body = chat(at(json_schema=True), extras=Extras(json_schema='{"type": "object"}'))
    assert body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("quirks", "extras", "field"),
    [
        ({}, Extras(top_logprobs=0), "top_logprobs"),
        ({"top_logprobs": 5}, Extras(top_logprobs=6), "top_logprobs"),
        ({}, Extras(json_schema="{}"), "json_schema"),
        ({}, Extras(adapter="birds"), "adapter"),
        ({}, Extras(echo=True), "echo"),
    ],
)
def test_what_an_api_does_not_have_is_refused_and_not_ignored(quirks, extras, field):
    with pytest.raises(InvalidInput) as caught:
        chat(at(**quirks), extras=extras)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-5", "gemini-2.5-pro", "gemini-2.5-flash"])
def test_the_vendors_that_take_a_schema_are_sent_one(name):
    assert "response_format" in chat(endpoint(name), Sampling(), extras=Extras(json_schema=json.dumps(SCHEMA)))
