import pytest

from services.trainer.filters import RULES, Answer, verdict

DESCRIPTION = "[00:00-00:02] Excuse me? (Emotion: Neutral, Gender: Female, Speaking speed: Slow)"
PROMPT = "What can you tell about the speaker? Answer in one short sentence."


def answer(response: str, **changed) -> Answer:
    usual = {"description": DESCRIPTION, "transcript": "Excuse me?", "prompt": PROMPT, "response": response}
    return Answer(**{**usual, **changed})


@pytest.mark.parametrize(
    "response",
    [
        "A woman says slowly: Excuse me?",
        "Excuse me?",
        "female",
        "The speaker is a woman with a neutral tone.",
        "No, nobody speaks, and I can't hear any music.",
        "I can hear a woman who is asking for attention.",
        "I'm sorry to hear that, what can I do for you?",
        "The recording lasts about 2 seconds.",
        "It sounds like someone asks for the time, and the sound fades from loud to soft.",
        "A message says that the file is ready.",
        "Gender: Female",
        "The audio shows that she is calm.",
    ],
)
def test_what_sounds_like_hearing_passes(response):
    assert verdict(answer(response)) == ""


@pytest.mark.parametrize(
    ("rule", "response"),
    [
        ("empty", ""),
        ("empty", " ... \n"),
        ("marks", "The clip <|AUDIO|> has a woman."),
        ("marks", "<start_audio>Excuse me?<end_audio>"),
        ("marks", "A woman.<|im_end|>"),
        ("refusal", "I'm sorry, but I can't help with that."),
        ("refusal", "I am sorry, I cannot listen to it."),
        ("refusal", "As an AI language model, I have no ears."),
        ("refusal", "As a text-based AI assistant I only read."),
        ("refusal", "I cannot hear the audio that you mention."),
        ("refusal", "I’m unable to process audio."),
        ("refusal", "Unfortunately, no audio file was provided."),
        ("refusal", "Please provide the recording."),
        ("prompt-echo", "What can you tell about the speaker? Answer in one short sentence. She is calm."),
        ("prompt-echo", "WHAT CAN YOU TELL about the speaker -- answer in one short sentence"),
        ("description-echo", "[00:00-00:02] Excuse me?"),
        ("description-echo", "From [0:00 - 0:02] a woman speaks."),
        ("description-echo", "Emotion: neutral, gender: female"),
        ("meta-talk", "As a text description, it says that a woman speaks."),
        ("meta-talk", "The metadata has a woman."),
        ("meta-talk", "Based on the information provided, a woman speaks."),
        ("meta-talk", "According to the description, she is calm."),
        ("meta-talk", "The provided transcript is short."),
        ("meta-talk", "She is calm, as stated in the text."),
        ("meta-talk", "The description does not say where."),
        ("meta-talk", "The timestamps are two seconds apart."),
    ],
)
def test_what_gives_its_author_away_is_named_by_its_rule(rule, response):
    assert verdict(answer(response)) == rule


def test_every_rule_has_a_sentence_of_its_own_and_is_met_above():
    assert all(rule.__doc__ for rule in RULES.values())
    assert list(RULES) == ["truncated", "empty", "marks", "refusal", "prompt-echo", "description-echo", "meta-talk"]


def test_an_answer_that_was_cut_is_dropped_whatever_it_says():
    assert verdict(answer("A woman", finish_reason="length")) == "truncated"
    assert verdict(answer("", finish_reason="length")) == "truncated"


@pytest.mark.parametrize(
    "spoken",
    ["I'm sorry, but I can't help you.", "No file was provided.", "Please send the file.", "The metadata is wrong."],
)
def test_words_of_the_clip_are_not_held_against_who_repeats_them(spoken):
    repeated = answer(f"A woman says: “{spoken.upper()}”", transcript=spoken)
    assert verdict(repeated) == ""
    assert verdict(answer(f"A woman says: “{spoken}”")) != ""


def test_a_short_prompt_is_no_echo():
    assert verdict(answer("Transcribe the speech.", prompt="Transcribe the speech.")) == ""
