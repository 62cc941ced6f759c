import asyncio

import grpc
import pytest

from earwitness.channel import error_of
from earwitness.clients import LalmClient, SpokenTurn
from earwitness.conversation import Turn
from earwitness.desta.splice import Message
from earwitness.errors import EngineFailure, InvalidInput, Overloaded, UnreadableAudio
from earwitness.sampling import Sampling
from earwitness.status import from_status
from earwitness.v1 import audio_pb2, lalm_pb2, lalm_pb2_grpc
from services.lalm.config import LalmConfig
from services.lalm.servicer import LalmServicer
from tests import sounds
from tests.serving import ReadingListener, channel, serving

CLIP = sounds.encode(sounds.tone(440, 0.5))
SHORT = sounds.encode(sounds.silence(0.25))


class HeldListener(ReadingListener):
    """Waits until it is let go, and notes what it was asked and what was cancelled."""

    def __init__(self):
        self.asked = []
        self.cancelled = 0
        self.go = asyncio.Event()

    async def listen(self, messages, clips, sampling, *, thinking):
        self.asked.append((messages, clips, sampling, thinking))
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if messages[-1].content == "fail":
            raise EngineFailure("the engine is dead")
        return await super().listen(messages, clips, sampling, thinking=thinking)

    async def until_asked(self):
        async with asyncio.timeout(5):
            while not self.asked:
                await asyncio.sleep(0.001)


@pytest.fixture
async def held():
    return HeldListener()


def serve(engine, **config):
    return serving(LalmServicer(LalmConfig(checkpoint="none", **config), engine), LalmClient)


def user(content, *clips, transcripts=()):
    return SpokenTurn(turn=Turn(role="user", content=content), clips=clips, transcripts=transcripts)


def request(content, *clips):
    audios = [lalm_pb2.Clip(audio=audio_pb2.Audio(data=clip)) for clip in clips]
    return lalm_pb2.ListenRequest(messages=[lalm_pb2.ListenMessage(role="user", content=content, clips=audios)])


async def test_the_engine_gets_the_conversation_as_it_was_sent(held):
    held.go.set()
    system = SpokenTurn(turn=Turn(role="system", content="Be brief."))
    sampling = Sampling(max_tokens=5, temperature=1.0)
    async with serve(held) as client:
        turns = [system, user("A <|AUDIO|> or <|AUDIO|>?", CLIP, SHORT, transcripts=("beep", None))]
        await client.listen(turns, sampling, thinking=True)
    ((messages, clips, asked, thinking),) = held.asked
    assert messages == [
        Message(role="system", content="Be brief."),
        Message(role="user", content="A <|AUDIO|> or <|AUDIO|>?", audios=("0", "1")),
    ]
    assert [(clip.clip.seconds, clip.transcript) for clip in clips] == [(0.5, "beep"), (0.25, None)]
    assert (asked, thinking) == (sampling, True)


async def test_clips_without_a_mark_come_first_in_their_turn():
    async with serve(ReadingListener()) as client:
        heard = await client.listen([user("First?", CLIP), user("What were they?", CLIP, SHORT)])
    assert heard.generation.text == "[0.5 s]\nFirst? / [0.5 s]\n[0.25 s]\nWhat were they?"
    assert heard.transcripts == ("0.5 s", "0.5 s", "0.25 s")


async def test_a_conversation_may_hold_no_clip():
    async with serve(ReadingListener()) as client:
        assert (await client.listen([user("What barks?")])).generation.text == "What barks?"


@pytest.mark.parametrize(("content", "clips"), [("<|AUDIO|>", 0), ("<|AUDIO|> <|AUDIO|>", 1), ("<|AUDIO|>", 2)])
async def test_marks_and_clips_that_do_not_match_are_refused_before_anything_is_heard(held, content, clips):
    async with serve(held) as client:
        with pytest.raises(InvalidInput, match=r"messages\[1\]\.content: \d <\|AUDIO\|> for \d clips"):
            await client.listen([user("Hello.", CLIP), user(content, *[CLIP] * clips)])
    assert held.asked == []


async def test_a_clip_that_cannot_be_heard_is_named_by_its_place():
    async with serve(ReadingListener()) as client:
        with pytest.raises(UnreadableAudio, match=r"messages\[1\]\.clips\[1\]\.audio\.data"):
            await client.listen([user("Hello.", CLIP), user("And?", CLIP, b"not audio")])


async def test_a_bad_conversation_fails_alone_with_the_status_of_its_unary_call(held):
    held.go.set()
    async with serve(held) as client, channel(client.endpoint.address) as bare:
        requests = [request("a", CLIP), request("b", b"x"), request("fail"), request("c")]
        answer = await lalm_pb2_grpc.LalmServiceStub(bare).ListenBatch(lalm_pb2.ListenBatchRequest(requests=requests))
        with pytest.raises(UnreadableAudio) as unreadable:
            await client.listen([user("b", b"x")])
        with pytest.raises(EngineFailure) as failed:
            await client.listen([user("fail")])
    first, second, third, fourth = answer.results
    assert [first.response.generation.text, fourth.response.generation.text] == ["[0.5 s]\na", "c"]
    assert first.response.clips[0].audio.seconds == 0.5
    assert vars(from_status(second.error)) == vars(unreadable.value)
    assert vars(from_status(third.error)) == vars(failed.value)


async def test_overload_is_refused_at_once_while_the_others_go_on(held):
    async with serve(held, max_in_flight=1) as client:
        admitted = asyncio.create_task(client.listen([user("a")]))
        await held.until_asked()
        with pytest.raises(Overloaded) as caught:
            await asyncio.wait_for(client.listen([user("b")]), 5)
        assert caught.value.retry_after_s == 1.0
        held.go.set()
        assert (await admitted).generation.text == "a"


async def test_a_cancelled_call_cancels_the_engines_work(held):
    async with serve(held) as client:
        call = asyncio.create_task(client.listen([user("a")]))
        await held.until_asked()
        call.cancel()
        async with asyncio.timeout(5):
            while not held.cancelled:
                await asyncio.sleep(0.001)


async def test_health_is_serving_once_the_engine_has_listened(held):
    async with serve(held) as client:
        ready = asyncio.create_task(client.ready(10))
        await held.until_asked()
        assert not ready.done()
        held.go.set()
        await ready
    ((messages, clips, sampling, _),) = held.asked
    assert len(clips) == len(messages[0].audios) == sampling.max_tokens == 1


async def score(client, choices, content="Which?", *clips):
    asked = lalm_pb2.ScoreChoicesAudioRequest(messages=request(content, *clips).messages, choices=choices)
    async with channel(client.endpoint.address) as bare:
        try:
            return await lalm_pb2_grpc.LalmServiceStub(bare).ScoreChoicesAudio(asked)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, "") from None


class Scorer(ReadingListener):
    async def score(self, messages, clips, choices):
        self.asked = messages, clips
        return [(-float(len(choice)), len(choice.split())) for choice in choices], ["" for _ in clips]


async def test_options_are_scored_in_order_and_the_clips_are_named():
    async with serve(Scorer()) as client:
        answer = await score(client, ["a dog", "cat"], "What barks?", CLIP)
    assert [(found.logprob, found.num_tokens) for found in answer.scores] == [(-5, 2), (-3, 1)]
    assert [clip.audio.seconds for clip in answer.clips] == [0.5]


async def test_options_within_their_limits_are_scored_and_others_refused_with_the_field():
    async with serve(Scorer()) as client:
        for choices in (["a"] * 2, ["a"] * 26, ["a", "b" * 256]):
            assert len((await score(client, choices)).scores) == len(choices)
        for choices, field in ((["a"], "choices"), (["a"] * 27, "choices"), (["a", "b" * 257], "choices[1]"),
                               (["", "a"], "choices[0]")):  # fmt: skip
            with pytest.raises(InvalidInput) as caught:
                await score(client, choices)
            assert caught.value.field == field
        with pytest.raises(InvalidInput, match=r"messages\[0\]\.content"):
            await score(client, ["a", "b"], "<|AUDIO|>")


async def test_a_long_clip_is_heard_in_parts_in_its_place_where_that_is_the_policy():
    engine, long = Scorer(), sounds.encode(sounds.tone(440, 70))
    async with serve(engine, long_audio="chunk") as client:
        turns = [user("Is <|AUDIO|> like <|AUDIO|>?", CLIP, long, transcripts=("beep", "a long tale"))]
        heard = await client.listen(turns)
        answer = await score(client, ["a", "b"], "Which?", CLIP, long)
        with pytest.raises(InvalidInput, match="9 clips"):
            await client.listen([user("Which?", long, long, long)])
    assert heard.generation.text == "Is [beep] like [a long tale][][]?"
    assert heard.transcripts == ("beep", "a long tale")
    messages, clips = engine.asked
    assert messages[0].content.count("<|AUDIO|>") == len(messages[0].audios) == 4
    assert [part.clip.seconds for part in clips] == [0.5, 30, 30, 10]
    assert [(clip.audio.num_parts, clip.audio.long_audio) for clip in answer.clips] == [
        (1, audio_pb2.LONG_AUDIO_CHUNK),
        (3, audio_pb2.LONG_AUDIO_CHUNK),
    ]


async def test_a_long_clip_is_refused_by_default():
    async with serve(Scorer()) as client:
        with pytest.raises(InvalidInput, match=r"messages\[0\]\.clips\[0\]\.audio\.data.*the limit is 30 s"):
            await client.listen([user("What?", sounds.encode(sounds.tone(440, 31)))])
