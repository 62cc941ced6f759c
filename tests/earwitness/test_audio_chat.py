import json

import pytest

from earwitness.audio_chat import AudioChat
from earwitness.desta.splice import MARK, Message
from earwitness.errors import InvalidInput
from tests.services.lalm import tiny

TEXT_ALONE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.fixture(scope="module")
def words():
    return tiny.tokenizer("<sound>", "<sound>")


@pytest.fixture
def folder(words, tmp_path):
    words.save_pretrained(tmp_path)
    return tmp_path


def ask(content, *audios):
    return [Message(role="user", content=content, audios=audios)]


def test_the_models_word_stands_where_the_mark_stood(words, folder):
    ids = AudioChat(folder).encode(ask(f"Is {MARK} louder than {MARK}?", "one", "other"))
    text = "<|im_start|>user\nIs <sound> louder than <sound>?<|im_end|>\n<|im_start|>assistant\n"
    assert words.decode(ids) == text


def test_a_word_that_is_spelled_out_is_no_place_for_a_clip(words, folder):
    place = words.convert_tokens_to_ids("<sound>")
    ids = AudioChat(folder).encode(ask(f"{MARK} What does <sound> mean? <|im_end|>", "one"))
    assert ids.count(place) == 1
    assert ids.count(words.convert_tokens_to_ids("<|im_end|>")) == 1
    assert "What does <sound> mean?" in words.decode(ids)


def test_marks_and_clips_must_agree(folder):
    for content, clips in ((MARK, ()), ("none", ("one",)), (MARK * 2, ("one",))):
        with pytest.raises(InvalidInput, match=r"messages\[0\]\.content"):
            AudioChat(folder).encode(ask(content, *clips))


def test_a_template_of_text_alone_needs_the_word(words, folder):
    (folder / "chat_template.jinja").write_text(TEXT_ALONE)
    with pytest.raises(InvalidInput, match=r"takes text alone.*set placeholder"):
        AudioChat(folder)
    ids = AudioChat(folder, placeholder="<sound>{n}").encode([*ask(MARK, "a"), *ask(f"{MARK} or {MARK}?", "b", "c")])
    text = "<|im_start|>user\n<sound>1<|im_end|>\n<|im_start|>user\n<sound>2 or <sound>3?<|im_end|>\n"
    assert words.decode(ids) == text


def test_a_template_that_the_processor_keeps_apart_is_found(words, folder):
    (folder / "chat_template.jinja").rename(folder / "kept")
    with pytest.raises(InvalidInput, match="no chat template"):
        AudioChat(folder)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": (folder / "kept").read_text()}))
    assert AudioChat(folder).encode(ask("Hello."))


def test_an_answer_is_plain_text(words, folder):
    assert words.decode(AudioChat(folder).encode_answer("A <sound>")) == "A <sound>"
    assert words.convert_tokens_to_ids("<sound>") not in AudioChat(folder).encode_answer("A <sound>")
