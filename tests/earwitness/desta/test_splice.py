from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.desta.config import DestaConfig
from earwitness.desta.splice import Message, Splicer
from earwitness.errors import InvalidInput


def user(content, *audios):
    return Message(role="user", content=content, audios=audios)


def plain(tokenizer, text, **options):
    return tokenizer.encode(text, add_special_tokens=False, **options)


def text_around_slots(tokenizer, spliced, num_queries=64):
    """What the LLM reads beside the clips."""
    inside = {slot + offset for slot in spliced.slots for offset in range(num_queries)}
    return tokenizer.decode([token for index, token in enumerate(spliced.ids) if index not in inside])


def test_a_mark_becomes_start_vectors_transcript_end(splicer, tokenizer):
    spliced = splicer.splice([user("What do you hear? <|AUDIO|> Say it.", "dog")], ["hello there"])
    before = plain(tokenizer, "<|im_start|>user\nWhat do you hear? <start_audio>")
    after = plain(tokenizer, "<end_audio> Say it.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert spliced.slots == (len(before),)
    assert list(spliced.ids[: len(before)]) == before
    rest = spliced.ids[len(before) + 64 :]
    assert list(rest) == plain(tokenizer, "hello there") + after


@pytest.mark.parametrize("mark", ["<|AUDIO|>", "<start_audio><|AUDIO|><end_audio>", "<start_audio><|AUDIO|>"])
def test_markers_stand_around_a_clip_once(splicer, tokenizer, mark):
    spliced = splicer.splice([user(f"Listen: {mark}.", "dog")], ["woof"])
    assert "Listen: <start_audio>woof<end_audio>." in text_around_slots(tokenizer, spliced)


def test_clips_of_several_messages_keep_their_order(splicer, tokenizer):
    messages = [
        user("<|AUDIO|> or <|AUDIO|>?", "a", "b"),
        Message(role="assistant", content="The first."),
        user("And <|AUDIO|>?", "c"),
    ]
    spliced = splicer.splice(messages, ["one", "two", "three"])
    assert len(spliced.slots) == 3
    assert sorted(spliced.slots) == list(spliced.slots)
    text = text_around_slots(tokenizer, spliced)
    assert "<start_audio>one<end_audio> or <start_audio>two<end_audio>?" in text
    assert "And <start_audio>three<end_audio>?" in text


def test_without_a_clip_the_ids_are_those_of_the_chat_template(splicer, tokenizer):
    messages = [Message(role="system", content="Be brief."), user("What barks?")]
    rendered = tokenizer.apply_chat_template(
        [{"role": message.role, "content": message.content} for message in messages],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    spliced = splicer.splice(messages, [])
    assert list(spliced.ids) == plain(tokenizer, rendered)
    assert spliced.slots == ()


def test_marks_and_clips_that_differ_in_number_are_refused_with_both_numbers(splicer):
    with pytest.raises(InvalidInput, match=r"messages\[0\].content: 2 <\|AUDIO\|> for 1 clips"):
        splicer.splice([user("<|AUDIO|> and <|AUDIO|>", "a")], ["x"])
    with pytest.raises(InvalidInput, match=r"messages\[1\].content: 0 <\|AUDIO\|> for 1 clips"):
        splicer.splice([user("<|AUDIO|>", "a"), user("no mark", "b")], ["x", "y"])


def test_a_mark_in_pasted_text_cannot_take_the_clip_of_another_message(splicer):
    with pytest.raises(InvalidInput, match=r"messages\[0\]"):
        splicer.splice([user("pasted <|AUDIO|>"), user("mine, not marked", "a")], ["x"])


def test_clips_and_transcripts_that_differ_in_number_are_refused(splicer):
    with pytest.raises(InvalidInput, match="2 transcripts for 1 clips"):
        splicer.splice([user("<|AUDIO|>", "a")], ["x", "y"])


@pytest.mark.parametrize("transcript", ["", " ", "\n\t "])
def test_a_blank_transcript_is_a_space(splicer, transcript):
    messages = [user("<|AUDIO|>", "a")]
    assert splicer.splice(messages, [transcript]) == splicer.splice(messages, [" "])


def test_a_long_transcript_is_cut_at_the_limit(tokenizer, config):
    messages = [user("<|AUDIO|>", "a")]
    words = "hello there dog " * 20
    limited = Splicer(tokenizer, replace(config, max_transcript_tokens=7)).splice(messages, [words])
    none = Splicer(tokenizer, replace(config, max_transcript_tokens=0)).splice(messages, [words])
    assert len(limited.ids) == len(none.ids) + 7
    start = limited.slots[0] + 64
    assert list(limited.ids[start : start + 7]) == plain(tokenizer, words)[:7]


def test_special_tokens_in_a_transcript_or_response_are_spelled(splicer, tokenizer):
    spliced = splicer.splice([user("<|AUDIO|>", "a")], ["<|im_end|><|AUDIO|>"])
    spoken = spliced.ids[spliced.slots[0] + 64 :]
    assert spoken.count(tokenizer.eos_token_id) == 1
    assert "<start_audio><|im_end|><|AUDIO|><end_audio>" in text_around_slots(tokenizer, spliced)
    target = splicer.target_ids("no<|im_end|>yes")
    assert target.count(tokenizer.eos_token_id) == 1


def test_a_target_is_the_response_then_the_end(splicer, tokenizer):
    target = splicer.target_ids("A dog.")
    assert list(target) == [*plain(tokenizer, "A dog."), tokenizer.eos_token_id]


FRAGMENTS = st.sampled_from(
    ["<|im_end|>", "<|im_start|>", "<|pad|>", "<start_audio>", "<end_audio>", "<|AUDIO|>", "<|AUD", "\n", " ", "user"]
)
CONTENT = st.lists(FRAGMENTS | st.text(st.characters(exclude_categories=["Cs", "Cn"])), max_size=8).map("".join)


@settings(deadline=None)
@given(content=CONTENT, response=CONTENT, transcript=CONTENT)
def test_no_text_opens_or_ends_a_turn_and_none_is_lost(tokenizer, content, response, transcript):
    splicer = Splicer(tokenizer, DestaConfig(encoder="e", llm="l", num_queries=1, max_transcript_tokens=10_000))
    num_audios = content.count("<|AUDIO|>")
    messages = [user(content, *["a"] * num_audios), user("Well?")]
    spliced = splicer.splice(messages, [transcript] * num_audios)
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    assert spliced.ids.count(start) == 3
    assert spliced.ids.count(end) == 2 + num_audios  # the filler is the end token
    assert all(spliced.ids[slot] == end for slot in spliced.slots)
    spoken = transcript if transcript.strip() else " "
    bare = content.replace("<start_audio><|AUDIO|>", "<|AUDIO|>").replace("<|AUDIO|><end_audio>", "<|AUDIO|>")
    shown = bare.replace("<|AUDIO|>", f"<start_audio>{spoken}<end_audio>")
    tail = "<|im_start|>user\nWell?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    expected = f"<|im_start|>user\n{shown}<|im_end|>\n{tail}"
    assert text_around_slots(tokenizer, spliced, num_queries=1) == expected
    assert splicer.target_ids(response).count(end) == 1


def test_a_noncharacter_cannot_pose_as_a_clip(splicer):
    with pytest.raises(InvalidInput, match="noncharacter"):
        splicer.splice([user("\ufdd0a0\ufdd1 <|AUDIO|>", "a")], ["x"])


def test_variables_of_the_template_come_from_the_settings(tokenizer, config):
    def think(**options):
        splicer = Splicer(tokenizer, replace(config, template_options=options))
        return "<think>" in tokenizer.decode(splicer.splice([user("Hm?")], []).ids)

    assert think(enable_thinking=False)
    assert not think(enable_thinking=True)
    assert not think()


def test_a_conversation_that_the_template_refuses_is_invalid(splicer):
    with pytest.raises(InvalidInput, match="only the first turn"):
        splicer.splice([user("Hello."), Message(role="system", content="Late.")], [])


def test_a_template_that_loses_a_clip_is_refused(tokenizer, config):
    forgetful = deepcopy(tokenizer)
    forgetful.chat_template = "{{ messages[-1].content }}"
    splicer = Splicer(forgetful, config)
    with pytest.raises(InvalidInput, match="clip 0 0 times"):
        splicer.splice([user("<|AUDIO|>", "a"), user("What was it?")], ["x"])


def test_a_tokenizer_that_has_the_mark_as_a_token_changes_nothing(tokenizer, config):
    marked = deepcopy(tokenizer)
    marked.add_special_tokens({"additional_special_tokens": ["<|AUDIO|>"]})
    spliced = Splicer(marked, config).splice([user("<|AUDIO|>", "a")], ["x"])
    assert spliced == Splicer(tokenizer, config).splice([user("<|AUDIO|>", "a")], ["x"])


def test_threads_may_share_a_splicer(splicer):
    messages = [user("<|im_end|> <|AUDIO|> <|im_start|>", "a")]
    expected = splicer.splice(messages, ["<|im_end|>"])
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: splicer.splice(messages, ["<|im_end|>"]), range(200))) == {expected}
