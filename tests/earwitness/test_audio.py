"""Laws of `earwitness.audio`."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import audio
from earwitness.errors import InvalidInput, NotFound, UnreadableAudio
from tests import sounds

SOUND = sounds.join(sounds.tone(440, 0.5), sounds.noise(0.5))


def test_the_same_samples_have_one_hash_in_every_lossless_container():
    files = [sounds.encode(SOUND, format=format) for format in ("WAV", "FLAC", "AIFF", "CAF", "AU", "W64")]
    assert len({audio.decode(file).sha256 for file in files}) == 1


def test_the_fast_path_and_the_general_path_agree():
    as_floats = sounds.encode(np.rint(SOUND * 32768) / 32768, subtype="FLOAT")
    twice = np.stack([SOUND, SOUND], axis=1)
    whole = audio.decode(sounds.encode(SOUND))
    assert audio.decode(as_floats).sha256 == whole.sha256
    assert audio.decode(sounds.encode(twice)).sha256 == whole.sha256
    assert audio.from_samples(whole.samples).sha256 == whole.sha256


def test_another_sample_gives_another_hash():
    other = SOUND.copy()
    other[100] += 2 / 32768
    assert audio.from_samples(other).sha256 != audio.from_samples(SOUND).sha256


def test_samples_are_what_the_hash_names_and_cannot_be_written():
    clip = audio.from_samples(SOUND)
    assert clip.samples.dtype == np.float32
    assert (clip.samples * 32768 == np.rint(clip.samples * 32768)).all()
    with pytest.raises(ValueError):
        clip.samples[0] = 1


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
def test_any_format_and_rate_becomes_16_khz_of_the_same_length(format, rate_hz):
    times = np.arange(rate_hz * 2) / rate_hz
    file = sounds.encode(0.3 * np.sin(2 * np.pi * 440 * times), rate_hz, format, subtype=None)
    clip = audio.decode(file)
    assert clip.source_rate_hz == rate_hz
    assert clip.seconds == pytest.approx(2, abs=0.08)
    middle = clip.samples[8_000:24_000]
    peak_hz = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() * 16_000 / len(middle)
    assert peak_hz == pytest.approx(440, abs=1)
    assert np.abs(middle).max() == pytest.approx(0.3, abs=0.05)


def test_channels_are_averaged_and_their_width_is_kept():
    left, right = sounds.noise(1, seed=1), sounds.noise(1, seed=2)
    clip = audio.decode(sounds.encode(np.stack([left, right], axis=1)))
    assert np.abs(clip.samples - (left + right) / 2).max() < 2 / 32768
    assert clip.source_channels == 2
    assert clip.stereo_width == pytest.approx(0.5, abs=0.02)
    opposite = audio.decode(sounds.encode(np.stack([left, -left], axis=1)))
    assert opposite.stereo_width == pytest.approx(1)
    assert np.abs(opposite.samples).max() < 2 / 32768


def test_flac_of_a_clip_is_the_same_clip():
    clip = audio.from_samples(SOUND)
    assert audio.decode(audio.encode_flac(clip)) == clip


def test_a_flac_stream_of_undeclared_length_is_read_to_its_end():
    file = bytearray(sounds.encode(sounds.noise(12), format="FLAC"))
    file[21] &= 0xF0  # STREAMINFO ends with 36 bits of total samples, then the MD5: 0 means unknown
    file[22:26] = bytes(4)
    assert audio.decode(bytes(file)).seconds == 12


@pytest.mark.parametrize("claimed", [0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_that_claims_more_than_it_holds_gives_what_it_holds(claimed):
    file = bytearray(sounds.encode(SOUND))
    start = file.index(b"data") + 4
    file[start : start + 4] = struct.pack("<I", claimed)
    assert audio.decode(bytes(file)).sha256 == audio.from_samples(SOUND).sha256


def test_a_clip_over_the_limit_is_refused_by_its_header():
    with pytest.raises(InvalidInput, match=r"clip.wav: lasts 3.0 s by its header, and the limit is 2 s") as caught:
        audio.decode(sounds.encode(sounds.noise(3)), field="clip.wav", max_seconds=2)
    assert not isinstance(caught.value, UnreadableAudio)
    assert audio.decode(sounds.encode(sounds.noise(2)), max_seconds=2).seconds == 2


def test_a_stream_that_hides_its_length_is_refused_without_being_held():
    file = bytearray(sounds.encode(sounds.silence(600), format="FLAC"))
    file[21] &= 0xF0
    file[22:26] = bytes(4)
    assert len(file) < 200_000, "silence packs well: a bomb"
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="the limit is 5 s"):
            audio.decode(bytes(file), max_seconds=5)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "is empty"),
        (b"hello", "is not audio"),
        (sounds.encode(SOUND)[:30], "is not audio"),
        (sounds.encode(sounds.silence(0)), "holds no sample"),
        (sounds.encode(np.array([0.1, np.nan]), subtype="FLOAT"), "NaN or infinite"),
        (sounds.encode(np.array([0.1, np.inf]), subtype="DOUBLE"), "NaN or infinite"),
        (sounds.encode(SOUND, 500), "sample rate of 500 Hz"),
        (sounds.encode(SOUND, 2_000_000), "sample rate of 2000000 Hz"),
        (sounds.encode(np.zeros((100, 40))), "40 channels"),
    ],
    ids=range(9),  # a file holds the time of its making
)
def test_what_is_no_recording_is_refused_with_field_and_remedy(file, message):
    with pytest.raises(UnreadableAudio, match=message) as caught:
        audio.decode(file, field="items[3].audio")
    assert caught.value.field == "items[3].audio"
    assert caught.value.remedy


def test_samples_far_beyond_full_scale_clip():
    clip = audio.decode(sounds.encode(np.array([1e30, -1e30, 0.5]), subtype="FLOAT"))
    assert clip.samples.tolist() == [32767 / 32768, -1.0, 0.5]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from([b"", b"RIFF\x24\0\0\0WAVE", b"fLaC", b"OggS", b"ID3", b"\xff\xfb\x90"])
)
def test_random_bytes_are_unreadable_and_never_crash(data, magic):
    try:
        audio.decode(magic + data)
    except InvalidInput as error:
        assert error.field == "audio"


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(["WAV", "FLAC", "OGG", "AIFF", "CAF"]))
def test_a_damaged_file_is_a_clip_or_refused(data, format):
    file = bytearray(sounds.encode(sounds.tone(440, 0.05), format=format, subtype=None))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, min(len(file) - 1, 200)))] = data.draw(st.integers(0, 255))
    try:
        clip = audio.decode(bytes(file[: data.draw(st.integers(1, len(file)))]), max_seconds=2)
    except InvalidInput:
        return
    assert 0 < clip.seconds <= 2
    assert np.isfinite(clip.samples).all()


def test_files_are_read_by_content_and_errors_name_their_path(tmp_path):
    good = tmp_path / "sound.raw"
    good.write_bytes(sounds.encode(SOUND, format="FLAC"))
    with pytest.raises(UnreadableAudio, match=r"sound\.raw"):
        audio.read(good)
    good = good.rename(tmp_path / "sound.bin")
    assert audio.read(good) == audio.from_samples(SOUND)
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(UnreadableAudio, match=r"text\.wav"):
        audio.read(tmp_path / "text.wav")
    with pytest.raises(UnreadableAudio, match="directory"):
        audio.read(tmp_path)
    with pytest.raises(NotFound, match=r"missing\.wav"):
        audio.read(tmp_path / "missing.wav")


def test_chunks_put_together_are_the_clip():
    clip = audio.from_samples(sounds.noise(2.5))
    chunks = list(clip.chunks(1))
    assert [chunk.seconds for chunk in chunks] == [1, 1, 0.5]
    assert (np.concatenate([chunk.samples for chunk in chunks]) == clip.samples).all()
    assert chunks[1] == clip.cut(1, 2)
    with pytest.raises(InvalidInput, match="no sample"):
        clip.cut(3, 4)


def test_a_mono_rendering_says_how_wide_its_source_was():
    left, right = sounds.noise(1.0, seed=1), sounds.noise(1.0, seed=2)
    clip = audio.from_samples(np.stack([left, right], axis=1), 44_100)
    assert clip.stereo_width > 0.3
    rendered = audio.decode(audio.encode_flac(clip))
    assert rendered == clip
    assert (rendered.source_rate_hz, rendered.source_channels) == (44_100, 2)


def test_a_clip_that_was_mono_all_along_says_nothing():
    assert b"source:" not in audio.encode_flac(audio.from_samples(sounds.tone(440)))


@pytest.mark.parametrize(
    "comment",
    [
        "source: 44100 Hz, 2 channels, width 7", "source: 0 Hz, 2 channels, width 0.1",
        "source: 44100 Hz, 99 channels, width 0.1", "source: 44100 Hz, 2 channels, width -", "recorded at home",
    ],
)  # fmt: skip
def test_a_comment_that_no_source_fits_is_passed_over(comment):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 16_000, 1, "PCM_16", format="FLAC") as sound:
        sound.comment = comment
        sound.write(sounds.tone(440))
    clip = audio.decode(file.getvalue())
    assert (clip.source_rate_hz, clip.source_channels, clip.stereo_width) == (16_000, 1, 0.0)
