import numpy as np
import pytest

from earwitness.errors import InvalidInput
from earwitness.hearing import Ears
from earwitness.media import Sources
from earwitness.v1 import audio_pb2
from tests import sounds


def lasting(seconds):
    return audio_pb2.Audio(data=sounds.encode(sounds.tone(440, seconds)))


async def test_a_long_clip_is_refused_where_that_is_the_policy():
    ears = Ears(Sources(), "refuse", max_seconds=240)
    with pytest.raises(InvalidInput, match=r"audio\.data: lasts 30\.5 s by its header, and the limit is 30 s"):
        await ears.hear(lasting(30.5), "audio")
    clip = await ears.hear(lasting(30), "audio")
    assert ears.parts(clip) == [clip]
    info = ears.info(clip)
    assert (info.long_audio, info.num_parts, info.seconds) == (audio_pb2.LONG_AUDIO_REFUSE, 1, 30)


async def test_a_long_clip_is_heard_in_parts_and_no_sample_is_lost():
    ears = Ears(Sources(), "chunk", max_seconds=240)
    clip = await ears.hear(lasting(70), "audio")
    parts = ears.parts(clip)
    assert [part.seconds for part in parts] == [30, 30, 10]
    assert np.array_equal(np.concatenate([part.samples for part in parts]), clip.samples)
    assert (ears.info(clip).long_audio, ears.info(clip).num_parts) == (audio_pb2.LONG_AUDIO_CHUNK, 3)


async def test_a_clip_beyond_the_services_limit_is_refused_under_any_policy():
    with pytest.raises(InvalidInput, match="the limit is 40 s"):
        await Ears(Sources(), "chunk", max_seconds=40).hear(lasting(41), "audio")


async def test_a_request_without_audio_is_refused():
    with pytest.raises(InvalidInput, match=r"clips\[0\]\.audio\.data: is missing"):
        await Ears(Sources(), "chunk", max_seconds=40).hear(audio_pb2.Audio(), "clips[0].audio")


async def test_a_clip_by_uri_is_heard_too(tmp_path):
    (tmp_path / "a.wav").write_bytes(lasting(1).data)
    ears = Ears(Sources(folders=(tmp_path,)), "chunk", max_seconds=40)
    clip = await ears.hear(audio_pb2.Audio(uri=f"file://{tmp_path}/a.wav"), "audio")
    assert clip == await ears.hear(lasting(1), "audio")
