from dataclasses import replace

import pytest

from earwitness import audio
from earwitness.errors import InvalidInput, NotFound
from earwitness.sampling import Sampling
from services.evaluator.clips import ClipStore, StoredClip
from services.evaluator.items import Item
from services.evaluator.plan import Plan
from services.evaluator.prompts import template
from services.evaluator.service import Service
from services.evaluator.settings import AudioAsker, CascadeAsker, Question, TextAsker
from tests.services.evaluator.conftest import Backbone, Listener, identity, item

WORDING = template("figure-1@1")
PLAN = Plan(sampling=Sampling(max_tokens=3))


async def caption(clip: StoredClip, item: Item) -> str:
    return f"{clip.seconds:.1f} s of sound."


@pytest.fixture
def asker(house, tmp_path):
    async def make(setting, plan=PLAN):
        engine = Listener() if setting == "audio" else Backbone()
        client = await house.client(engine)
        service = Service(client=client, identity=await client.identity())
        clips = ClipStore(folder=tmp_path / "store")
        made = {
            "text": lambda: TextAsker(service=service, plan=plan),
            "cascade": lambda: CascadeAsker(service=service, plan=plan, clips=clips, captions=caption),
            "audio": lambda: AudioAsker(service=service, plan=plan, clips=clips),
        }
        return made[setting](), engine

    return make


async def test_the_text_setting_asks_the_question_alone(asker, clips):
    text, engine = await asker("text")
    question = await text.prepare(clips.items[0])
    assert (question.audio_sha256, question.caption, question.clip) == ("", "", None)
    answer = (await text.ask(question)).value
    assert engine.asked == [WORDING.render(clips.items[0], "text")[1].content]
    assert (answer.text, answer.finish_reason, answer.completion_tokens) == ("dog (B) A bell"[-10:], "stop", 3)


async def test_the_cascade_asks_with_the_caption_and_sends_no_sound(asker, clips):
    cascade, engine = await asker("cascade")
    question = await cascade.prepare(clips.items[1])
    assert (question.caption, question.clip) == ("1.5 s of sound.", None)
    assert question.audio_sha256 == audio.read(clips.items[1].audio).sha256
    await cascade.ask(question)
    assert engine.asked == [WORDING.render(clips.items[1], "cascade", "1.5 s of sound.")[1].content]


async def test_the_audio_setting_sends_the_sound_itself_once(asker, clips):
    lalm, engine = await asker("audio")
    question = await lalm.prepare(clips.items[2])
    answer = (await lalm.ask(question)).value
    assert engine.heard == [question.audio_sha256] == [audio.read(clips.items[2].audio).sha256]
    assert answer.text == "2.00 bell"


@pytest.mark.parametrize("setting", ["cascade", "audio"])
async def test_an_item_that_cannot_be_heard_is_an_error_that_names_it(asker, clips, setting):
    asks, _ = await asker(setting)
    with pytest.raises(InvalidInput, match="no clip") as caught:
        await asks.prepare(item("a deaf one"))
    assert caught.value.field == "a deaf one"
    with pytest.raises(NotFound, match=r"missing\.wav"):
        await asks.prepare(replace(clips.items[0], audio=clips.items[0].audio.with_name("missing.wav")))


async def test_a_blind_lalm_is_asked_without_the_sound(asker, clips):
    lalm, engine = await asker("audio", replace(PLAN, control="blind"))
    question = await lalm.prepare(clips.items[0])
    assert (question.clip, question.audio_sha256) == (None, "")
    assert (await lalm.ask(question)).value.text == " bell"
    assert engine.heard == []


class Scorer:
    """Gives each option a log-probability of its length's opposite, in as many tokens as it has letters."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def score(self, turns, choices):
        self.asked.append(tuple(choices))
        return [(-2.0 * len(choice) - (choice.startswith("(A)")), len(choice)) for choice in choices]


@pytest.mark.parametrize(
    ("answering", "asked", "scores", "said"),
    [
        ("letters", ("(A)", "(B)", "(C)"), (-7.0, -6.0, -6.0), "(B) A kettle"),
        ("options", ("A dog", "A kettle", "A bell"), (-2.0, -2.0, -2.0), "(A) A dog"),
    ],
)
async def test_the_most_probable_option_is_the_answer(answering, asked, scores, said):
    scorer, choices = Scorer(), ("A dog", "A kettle", "A bell")
    text = TextAsker(
        service=Service(client=scorer, identity=identity("scorer")), plan=replace(PLAN, answering=answering)
    )
    answer = (await text.ask(Question(turns=(), choices=choices))).value
    assert (scorer.asked, answer.option_scores, answer.text) == ([asked], scores, said)
