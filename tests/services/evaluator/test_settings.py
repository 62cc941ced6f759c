from dataclasses import replace

import pytest

from earwitness import audio
from earwitness.errors import InvalidInput, NotFound
from earwitness.sampling import Sampling
from services.evaluator.prompts import template
from services.evaluator.settings import AudioAsker, CascadeAsker, TextAsker
from tests.services.evaluator.conftest import Backbone, Listener, item

WORDING = template("figure-1@1")
THREE = Sampling(max_tokens=3)


async def caption(clip: audio.Clip) -> str:
    return f"{clip.seconds:.1f} s of sound."


async def asker(house, setting):
    engine = Listener() if setting == "audio" else Backbone()
    client = await house.client(engine)
    parts = {"client": client, "identity": await client.identity(), "template": WORDING, "sampling": THREE}
    made = {
        "text": lambda: TextAsker(**parts),
        "cascade": lambda: CascadeAsker(captions=caption, **parts),
        "audio": lambda: AudioAsker(**parts),
    }
    return made[setting](), engine


async def test_the_text_setting_asks_the_question_alone(house, clips):
    text, engine = await asker(house, "text")
    question = await text.prepare(clips.items[0])
    assert (question.audio_sha256, question.caption, question.clip) == ("", "", b"")
    answer = await text.ask(question)
    assert engine.asked == [WORDING.render(clips.items[0], "text")[1].content]
    assert (answer.text, answer.finish_reason, answer.completion_tokens) == ("dog (B) A bell"[-10:], "stop", 3)


async def test_the_cascade_asks_with_the_caption_and_sends_no_sound(house, clips):
    cascade, engine = await asker(house, "cascade")
    question = await cascade.prepare(clips.items[1])
    assert (question.caption, question.clip) == ("1.5 s of sound.", b"")
    assert question.audio_sha256 == audio.read(clips.items[1].audio).sha256
    await cascade.ask(question)
    assert engine.asked == [WORDING.render(clips.items[1], "cascade", "1.5 s of sound.")[1].content]


async def test_the_audio_setting_sends_the_sound_itself_once(house, clips):
    lalm, engine = await asker(house, "audio")
    question = await lalm.prepare(clips.items[2])
    answer = await lalm.ask(question)
    assert engine.heard == [question.audio_sha256] == [audio.read(clips.items[2].audio).sha256]
    assert answer.text == "2.00 bell"


@pytest.mark.parametrize("setting", ["cascade", "audio"])
async def test_an_item_that_cannot_be_heard_is_an_error_that_names_it(house, clips, setting):
    asks, _ = await asker(house, setting)
    with pytest.raises(InvalidInput, match="no clip") as caught:
        await asks.prepare(item("a deaf one"))
    assert caught.value.field == "a deaf one"
    with pytest.raises(NotFound, match=r"missing\.wav"):
        await asks.prepare(replace(clips.items[0], audio=clips.items[0].audio.with_name("missing.wav")))
