import asyncio
import os
import sys
import threading

import pytest
from aiohttp import web

from earwitness import audio
from earwitness.errors import InvalidInput, NotFound, NotReady, UnreadableAudio
from earwitness.media import ClipCache, Media, Sources
from tests import sounds

WAV = sounds.encode(sounds.tone(440, 0.5))


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.wav").write_bytes(WAV)
    (folder / "deep" / "b c.wav").write_bytes(WAV)
    (tmp_path / "secret.wav").write_bytes(WAV)
    return folder


def media(max_seconds=600.0, **sources):
    return Media(Sources(**sources), max_seconds)


async def test_a_clip_by_value_and_by_uri_is_one_clip(clips):
    reader = media(folders=(clips,))
    by_value = await reader.clip(WAV, "", "audio")
    for uri in (f"file://{clips}/a.wav", f"file://localhost{clips}/a.wav", f"file://{clips}/deep/b%20c.wav"):
        assert await reader.clip(None, uri, "audio") == by_value


async def test_nothing_is_read_by_uri_unless_it_is_allowed(clips):
    for uri in (f"file://{clips}/a.wav", "s3://bucket/key", "https://example.org/a.wav"):
        with pytest.raises(InvalidInput) as caught:
            await media().clip(None, uri, "audio")
        assert caught.value.field == "audio.uri"
        assert caught.value.remedy


@pytest.mark.parametrize(
    "uri", ["ftp://host/a", "a.wav", "", "s3:///key", "file://host/a", "data:,a", "https://[/", "\0"]
)
async def test_what_is_no_uri_that_is_read_is_refused(clips, uri):
    with pytest.raises(InvalidInput, match=r"audio\.uri"):
        await media(folders=(clips,)).clip(None, uri, "audio")


async def test_no_path_leads_out_of_the_folder(clips, tmp_path):
    (clips / "link.wav").symlink_to(tmp_path / "secret.wav")
    (clips / "door").symlink_to(tmp_path)
    reader = media(folders=(clips,))
    paths = [
        "../secret.wav",
        "%2e%2e/secret.wav",
        "deep/../../secret.wav",
        "link.wav",
        "door/secret.wav",
        "../none.wav",
    ]
    messages = set()
    for path in paths:
        with pytest.raises(InvalidInput, match="no folder that this server reads from") as caught:
            await reader.clip(None, f"file://{clips}/{path}", "audio")
        messages.add(str(caught.value))
    assert len(messages) == 1  # nor is it told what exists there


async def test_what_is_missing_no_file_or_too_large_is_refused(clips):
    reader = media(folders=(clips,))
    os.mkfifo(clips / "pipe")
    with pytest.raises(NotFound):
        await reader.clip(None, f"file://{clips}/none.wav", "audio")
    for name in ("pipe", "deep"):
        with pytest.raises(InvalidInput):
            await asyncio.wait_for(reader.clip(None, f"file://{clips}/{name}", "audio"), 2)
    with (clips / "large.wav").open("wb") as file:
        file.truncate((32 << 20) + 1)
    with pytest.raises(InvalidInput, match="at most 32 MiB"):
        await reader.clip(None, f"file://{clips}/large.wav", "audio")
    with pytest.raises(UnreadableAudio, match=r"audio\.uri"):
        (clips / "text.wav").write_text("text")
        await reader.clip(None, f"file://{clips}/text.wav", "audio")
    with pytest.raises(InvalidInput, match="at most 2048"):
        await reader.clip(None, "file:///" + "a" * 2048, "audio")


async def test_each_content_is_decoded_once_and_off_the_event_loop(monkeypatch):
    threads = []

    def decode(*args, **kwargs):
        threads.append(threading.current_thread())
        return original(*args, **kwargs)

    original = audio.decode
    monkeypatch.setattr(audio, "decode", decode)
    reader = media()
    first = await reader.clip(WAV, "", "audio")
    assert await reader.clip(bytes(WAV), "", "audio") is first
    assert (len(threads), reader.cache.num_hits) == (1, 1)
    assert threads[0] is not threading.current_thread()


def test_the_cache_stays_within_its_bytes_and_forgets_what_was_not_asked_for_the_longest():
    made = [audio.from_samples(sounds.tone(hz, 1.0)) for hz in (100, 200, 300, 400)]
    size = made[0].samples.nbytes
    cache = ClipCache(3 * size)
    for number, clip in enumerate(made[:3]):
        cache.put(bytes([number]), clip)
    assert cache.get(b"\0") is made[0]
    cache.put(b"\3", made[3])
    assert cache.get(b"\1") is None
    assert [cache.get(bytes([number])) for number in (0, 2, 3)] == [made[0], made[2], made[3]]
    assert cache.num_bytes == 3 * size
    cache.put(b"\4", audio.from_samples(sounds.tone(100, 4.0)))
    assert cache.num_bytes == 3 * size
    nothing = ClipCache(0)
    nothing.put(b"\0", made[0])
    assert nothing.get(b"\0") is None


async def test_without_boto3_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(NotReady, match=r"earwitness\[s3\]"):
        await media(buckets=("sounds",)).clip(None, "s3://sounds/a.wav", "audio")


@pytest.mark.parametrize(
    "uri", ["s3://other/a.wav", "s3://sounds", "s3://sounds/", "s3://soundscape/a.wav", "s3://own/x"]
)
async def test_a_bucket_or_prefix_that_is_not_allowed_is_refused_before_boto3_is_asked_for(monkeypatch, uri):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InvalidInput, match="no bucket"):
        await media(buckets=("sounds", "own/clips/")).clip(None, uri, "audio")


async def test_an_object_is_read_from_s3(monkeypatch):
    pytest.importorskip("boto3")
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)

    async def answer(request):
        if request.path == "/sounds/deep/a.wav":
            return web.Response(body=WAV)
        text = "<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
        return web.Response(status=404, text=text, content_type="application/xml")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader = media(buckets=("sounds/deep/",), s3_endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}", timeout_s=5)
    assert await reader.clip(None, "s3://sounds/deep/a.wav", "audio") == audio.decode(WAV)
    with pytest.raises(NotFound, match="404"):
        await reader.clip(None, "s3://sounds/deep/none.wav", "audio")
    await runner.cleanup()
