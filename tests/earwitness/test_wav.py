import io
import wave

import numpy as np
import pytest

from earwitness import audio, wav
from tests import sounds

CLIP = audio.from_samples(sounds.tone(440, 0.25))


def test_a_clip_comes_back_from_its_file_sample_for_sample():
    assert audio.decode(wav.encode(CLIP)).sha256 == CLIP.sha256


@pytest.mark.parametrize("samples", [8_001, 8_002])
def test_what_the_source_was_like_is_kept_beside_the_samples(samples):
    left, right = sounds.tone(440, 0.5), sounds.tone(660, 0.5)
    stereo = np.stack([left, right], axis=1)[:samples]
    clip = audio.from_samples(stereo, 44_100)
    data = wav.encode(clip)
    assert wav.is_plain(data)
    assert audio.decode(data) == clip
    assert (clip.source_rate_hz, clip.source_channels) == (44_100, 2)
    assert clip.stereo_width > 0


def test_the_extremes_of_16_bits_are_kept():
    clip = audio.from_samples(np.array([-1.0, 0.0, 32767 / 32768, -1 / 32768]))
    assert audio.decode(wav.encode(clip)).samples.tolist() == clip.samples.tolist()


def test_other_readers_take_it_for_what_it_is():
    with wave.open(io.BytesIO(wav.encode(CLIP))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.getnframes() == len(CLIP.samples)


def test_only_what_is_in_this_form_is_plain():
    data = wav.encode(CLIP)
    assert wav.is_plain(data)
    others = [b"", data[:44], data[:-2], data + b"\0\0", data + b"LIST", b"RIFX" + data[4:], audio.encode_flac(CLIP)]
    assert not any(wav.is_plain(other) for other in others)


@pytest.mark.parametrize(("rate", "kind"), [(44_100, "WAV"), (16_000, "FLAC")])
def test_files_of_another_rate_or_format_are_not_plain(rate, kind):
    assert not wav.is_plain(sounds.encode(sounds.tone(440, 0.1), rate, format=kind))
