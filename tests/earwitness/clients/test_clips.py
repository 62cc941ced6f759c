"""Clips by value and by URI, and options scored about them."""

import pytest

from earwitness.clients import CaptionerClient, ChoiceScore, LalmClient, Score, SpokenTurn
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput
from earwitness.media import Sources
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from services.lalm.config import LalmConfig
from services.lalm.servicer import LalmServicer
from tests import sounds
from tests.serving import LengthCaptioner, ReadingListener, serving

ASKED = Turn(role="user", content="What is it?")


class Scoring(ReadingListener):
    """Takes the longest option for the likeliest."""

    async def score(self, messages, clips, choices):
        return [(float(len(choice) - 9), 2) for choice in choices], [clip.transcript or "" for clip in clips]


@pytest.fixture
def clips(tmp_path):
    data = [sounds.encode(sounds.tone(440, seconds)) for seconds in (0.25, 0.5)]
    (tmp_path / "a b.wav").write_bytes(data[1])
    return data[0], (tmp_path / "a b.wav").as_uri()


async def test_clips_are_described_by_value_and_by_uri(clips, tmp_path):
    config = CaptionerConfig(sources=Sources(folders=(tmp_path,)))
    async with serving(CaptionerServicer(config, LengthCaptioner()), CaptionerClient) as client:
        assert (await client.caption(clips[1])).text == "A sound of 0.5 seconds."
        *captions, elsewhere = await client.caption_batch([*clips, "file:///etc/hostname"])
    assert [caption.seconds for caption in captions] == [0.25, 0.5]
    assert {caption.num_parts for caption in captions} == {1}
    assert elsewhere.field == "audio.uri"


async def test_clips_are_heard_and_options_scored_about_them(clips, tmp_path):
    config = LalmConfig(checkpoint="x", sources=Sources(folders=(tmp_path,)))
    spoken = [SpokenTurn(turn=ASKED, clips=clips, transcripts=("a word", None))]
    async with serving(LalmServicer(config, Scoring()), LalmClient) as client:
        heard, error = await client.listen_batch([spoken, []])
        scored = await client.score_choices(spoken, ["rain", "thunder"])
        assert await client.score(spoken, ["rain", "thunder"]) == [(-5.0, 2), (-2.0, 2)]
    assert heard.generation.text == "[a word]\n[0.5 s]\nWhat is it?"
    assert [clip.seconds for clip in heard.clips] == [0.25, 0.5]
    assert [clip.long_audio for clip in heard.clips] == ["refuse"] * 2
    assert error.field == "messages"
    assert [each.text.logprob for each in scored.scores] == [-5.0, -2.0]
    assert isinstance(scored.scores[0], ChoiceScore) and isinstance(scored.scores[0].text, Score)
    assert [clip.transcript for clip in scored.clips] == ["a word", ""]


async def test_transcripts_that_do_not_go_with_the_clips_are_refused_before_they_are_sent(clips):
    client = LalmClient.at("127.0.0.1:1")
    with pytest.raises(InvalidInput, match=r"messages\[0\]\.transcripts: 1 transcripts for 2 clips"):
        await client.listen([SpokenTurn(turn=ASKED, clips=clips, transcripts=("a",))])
    await client.close()
