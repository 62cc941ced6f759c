import asyncio
import threading

import pytest

from earwitness import audio
from earwitness.clients import CaptionerClient
from earwitness.errors import EngineFailure, InvalidInput, Overloaded, UnreadableAudio
from earwitness.media import Sources
from earwitness.status import from_status
from earwitness.v1 import audio_pb2, captioner_pb2, captioner_pb2_grpc
from services.captioner.config import CaptionerConfig
from services.captioner.engine import CLIPS_AT_ONCE, Caption
from services.captioner.servicer import CaptionerServicer
from tests import sounds
from tests.serving import LengthCaptioner, channel, identity, serving

CLIP = sounds.encode(sounds.tone(440, 0.5))


class HeldCaptioner(LengthCaptioner):
    """Waits until it is let go, notes how many clips it was given at a time, and cannot stand 0.3 s."""

    identity = identity("held")

    def __init__(self):
        self.batches = []
        self.began = threading.Semaphore(0)
        self.go = threading.Event()

    def caption(self, clips):
        self.batches.append(len(clips))
        self.began.release()
        assert self.go.wait(10)
        if any(clip.seconds == 0.3 for clip in clips):
            raise EngineFailure("cannot stand three tenths of a second")
        return super().caption(clips)

    async def has_begun(self):
        assert await asyncio.to_thread(self.began.acquire, timeout=10)


@pytest.fixture
def held():
    engine = HeldCaptioner()
    yield engine
    engine.go.set()


def serve(engine, **config):
    return serving(CaptionerServicer(CaptionerConfig(**config), engine), CaptionerClient)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def batch_of(*clips):
    requests = [captioner_pb2.CaptionRequest(audio=audio_pb2.Audio(data=clip)) for clip in clips]
    return captioner_pb2.CaptionBatchRequest(requests=requests)


async def test_a_caption_names_the_clip_that_was_heard():
    async with serve(LengthCaptioner()) as client:
        wav, flac = await client.caption(CLIP), await client.caption(audio.encode_flac(audio.decode(CLIP)))
    assert wav == flac
    assert (wav.text, wav.seconds) == ("A sound of 0.5 seconds.", 0.5)
    assert wav.audio_sha256 == audio.decode(CLIP).sha256


async def test_words_that_are_heard_come_with_the_caption():
    class Parrot(LengthCaptioner):
        def caption(self, clips):
            return [Caption(text="Someone says hello.", transcript="hello") for _ in clips]

    async with serve(Parrot()) as client:
        assert (await client.caption(CLIP)).transcript == "hello"


async def test_a_bad_clip_fails_alone_with_the_status_of_its_unary_call(held):
    held.go.set()
    spoiled = sounds.encode(sounds.silence(0.3))
    async with serve(held) as client, channel(client.endpoint.address) as bare:
        answer = await captioner_pb2_grpc.CaptionerServiceStub(bare).CaptionBatch(
            batch_of(CLIP, b"not audio", spoiled, sounds.encode(sounds.silence(0.25)))
        )
        with pytest.raises(UnreadableAudio) as unreadable:
            await client.caption(b"not audio")
        with pytest.raises(EngineFailure) as failed:
            await client.caption(spoiled)
    first, second, third, fourth = answer.results
    assert [first.response.caption, fourth.response.caption] == ["A sound of 0.5 seconds.", "A sound of 0.25 seconds."]
    assert vars(from_status(second.error)) == vars(unreadable.value)
    assert vars(from_status(third.error)) == vars(failed.value)
    assert unreadable.value.field == "audio.data"


async def test_clips_that_wait_are_captioned_together(held):
    servicer = CaptionerServicer(CaptionerConfig(), held)
    async with serving(servicer, CaptionerClient) as client:
        first = asyncio.create_task(client.caption(CLIP))
        await held.has_begun()
        others = [asyncio.create_task(client.caption(CLIP)) for _ in range(CLIPS_AT_ONCE)]
        await until(lambda: servicer.admission.in_flight == 1 + CLIPS_AT_ONCE)
        await asyncio.sleep(0.2)  # decoding
        held.go.set()
        captions = await asyncio.gather(first, *others)
    assert len(set(captions)) == 1
    assert held.batches == [1, CLIPS_AT_ONCE]


async def test_the_server_answers_while_the_engine_works(held):
    async with serve(held) as client:
        call = asyncio.create_task(client.caption(CLIP))
        await held.has_begun()
        assert (await asyncio.wait_for(client.identity(), 5)) == identity("held")
        with pytest.raises(UnreadableAudio):
            await asyncio.wait_for(client.caption(b"not audio"), 5)
        held.go.set()
        assert (await call).seconds == 0.5


async def test_overload_is_refused_at_once_while_the_others_go_on(held):
    async with serve(held, max_in_flight=1) as client:
        admitted = asyncio.create_task(client.caption(CLIP))
        await held.has_begun()
        with pytest.raises(Overloaded) as caught:
            await asyncio.wait_for(client.caption(CLIP), 5)
        assert caught.value.retry_after_s == 1.0
        held.go.set()
        assert (await admitted).seconds == 0.5
        assert (await client.caption(CLIP)).seconds == 0.5


async def test_a_cancelled_call_that_waits_is_never_worked_on(held):
    servicer = CaptionerServicer(CaptionerConfig(), held)
    async with serving(servicer, CaptionerClient) as client:
        first = asyncio.create_task(client.caption(CLIP))
        await held.has_begun()
        second = asyncio.create_task(client.caption(CLIP))
        await until(lambda: servicer.admission.in_flight == 2)
        await asyncio.sleep(0.2)  # decoding
        second.cancel()
        await until(lambda: servicer.admission.in_flight == 1)
        held.go.set()
        await first
        await client.caption(CLIP)
    assert held.batches == [1, 1]


async def test_a_long_prompt_is_refused_before_the_clip_is_decoded():
    async with serve(LengthCaptioner()) as client:
        with pytest.raises(InvalidInput, match=r"^prompt: 4097 characters"):
            await client.caption(b"not audio", "x" * 4097)


async def test_health_is_serving_once_the_engine_has_captioned(held):
    async with serve(held) as client:
        ready = asyncio.create_task(client.ready(10))
        await held.has_begun()
        assert not ready.done()
        held.go.set()
        await ready
    assert held.batches == [1]


async def test_the_policy_for_long_audio_is_recorded_with_the_answer():
    long = sounds.encode(sounds.tone(440, 70))
    async with serve(LengthCaptioner()) as client, channel(client.endpoint.address) as bare:
        request = captioner_pb2.CaptionRequest(audio=audio_pb2.Audio(data=long))
        answer = await captioner_pb2_grpc.CaptionerServiceStub(bare).Caption(request)
    assert (answer.audio.long_audio, answer.audio.num_parts) == (audio_pb2.LONG_AUDIO_CHUNK, 3)
    async with serve(LengthCaptioner(), long_audio="refuse") as client:
        with pytest.raises(InvalidInput, match="the limit is 30 s"):
            await client.caption(long)


async def test_a_clip_is_captioned_by_uri_where_its_folder_is_allowed(tmp_path):
    (tmp_path / "a.wav").write_bytes(CLIP)
    request = captioner_pb2.CaptionRequest(audio=audio_pb2.Audio(uri=f"file://{tmp_path}/a.wav"))
    async with serve(LengthCaptioner(), sources=Sources(folders=(tmp_path,))) as client:
        async with channel(client.endpoint.address) as bare:
            answer = await captioner_pb2_grpc.CaptionerServiceStub(bare).Caption(request)
        by_value = await client.caption(CLIP)
    assert (answer.caption, answer.audio.sha256) == (by_value.text, by_value.audio_sha256)


async def test_an_engine_that_is_asked_gets_the_prompt_and_many_clips_at_once():
    class Asked:
        identity = identity("asked")

        def __init__(self):
            self.both = asyncio.Barrier(2)

        async def describe(self, clip, prompt):
            if prompt:
                await self.both.wait()
            return Caption(text=f"{prompt} {clip.seconds:g}", transcript="")

        def stop(self):
            pass

    async with serve(Asked()) as client, asyncio.timeout(5):
        captions = await asyncio.gather(client.caption(CLIP, "Loud?"), client.caption(CLIP, "Soft?"))
    assert [caption.text for caption in captions] == ["Loud? 0.5", "Soft? 0.5"]
