import io
import shutil
import subprocess

import numpy as np
import pytest

from earwitness import audio, ffmpeg
from earwitness.errors import InvalidInput, UnreadableAudio
from tests import sounds

TONE = sounds.tone(440, 2.0)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def convert(tmp_path, name, *options, samples=TONE, rate_hz=16_000):
    """The bytes of a file that ffmpeg writes."""
    source = tmp_path / "source.wav"
    source.write_bytes(sounds.encode(samples, rate_hz))
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), *options, str(tmp_path / name)]
    subprocess.run(command, check=True)
    return (tmp_path / name).read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.mka", "a.wma", "a.ac3", "a.wv", "a.tta", "a.flv"])
def test_what_libsndfile_does_not_read_ffmpeg_does(tmp_path, name):
    clip = audio.decode(convert(tmp_path, name, "-ar", "44100"))
    assert clip.seconds == pytest.approx(2.0, abs=0.1)
    assert clip.source_rate_hz == 44_100
    spectrum = np.abs(np.fft.rfft(clip.samples[8_000:24_000]))
    assert spectrum.argmax() == pytest.approx(440, abs=2)


@needs_ffmpeg
def test_a_lossless_file_is_the_clip_that_libsndfile_would_make(tmp_path):
    assert audio.decode(convert(tmp_path, "a.wv")).sha256 == audio.decode(sounds.encode(TONE)).sha256


@needs_ffmpeg
def test_channels_are_kept_apart_until_their_width_is_measured(tmp_path):
    both = np.stack([TONE, -TONE], axis=1)
    clip = audio.decode(convert(tmp_path, "a.wv", samples=both))
    assert (clip.source_channels, clip.stereo_width) == (2, pytest.approx(1.0))


@needs_ffmpeg
def test_a_file_that_runs_on_is_refused_and_never_cut(tmp_path):
    data = convert(tmp_path, "a.m4a")
    with pytest.raises(InvalidInput, match="the limit is 1 s"):
        audio.decode(data, max_seconds=1)
    assert audio.decode(data, max_seconds=2.1).seconds > 1.9


@needs_ffmpeg
def test_a_damaged_file_is_refused_without_a_word_of_where_it_lay(tmp_path):
    data = convert(tmp_path, "a.m4a")
    for damaged in (data[:200], data[:-1000], data[:100] + bytes(len(data) - 100)):
        with pytest.raises(UnreadableAudio) as caught:
            audio.decode(damaged, field="audio.data")
        assert caught.value.field == "audio.data"
        assert "/tmp" not in str(caught.value)


@needs_ffmpeg
def test_a_file_without_sound_is_refused(tmp_path):
    picture = tmp_path / "a.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=size=16x16:duration=1", str(picture)]
    subprocess.run(command, check=True)
    with pytest.raises(UnreadableAudio, match="mov"):
        audio.decode(picture.read_bytes())


def test_no_playlist_and_no_rubbish_ever_starts_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg.subprocess, "Popen", lambda *args, **kwargs: pytest.fail("ffmpeg was started"))
    secret = tmp_path / "secret.wav"
    secret.write_bytes(sounds.encode(TONE))
    playlists = [
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
        "v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    ]
    for data in (*[playlist.encode() for playlist in playlists], b"not audio", bytes(64)):
        with pytest.raises(UnreadableAudio, match="libsndfile"):
            audio.decode(data)


def test_without_ffmpeg_the_error_says_so(monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    with pytest.raises(UnreadableAudio, match=r"is mov, which takes ffmpeg.*install ffmpeg"):
        audio.decode(b"\0\0\0\x20ftypM4A " + bytes(100))


@needs_ffmpeg
def test_ffmpeg_that_hangs_is_ended(tmp_path, monkeypatch):
    slow = tmp_path / "ffmpeg"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: str(slow))
    with pytest.raises(UnreadableAudio, match=r"not decode in 0\.2 s"):
        audio.decode(b"\0\0\0\x20ftypM4A " + bytes(100))


def test_a_container_is_known_by_its_first_bytes():
    assert ffmpeg.demuxer_of(io.BytesIO(b"\x1a\x45\xdf\xa3")) == "matroska"
    assert ffmpeg.demuxer_of(io.BytesIO(b"")) is None
