from itertools import pairwise

import pytest
import soundfile
import torch

from earwitness.errors import InvalidInput, NotFound
from services.trainer import ears as module
from services.trainer.ears import DiskCache, Ears
from tests.earwitness.desta.conftest import noise

GIB = 2**30
BYTES = 4 * 100 * 32 * 4
"""Of a clip's four tapped layers of the tiny encoder in float32."""


@pytest.fixture
def encoded(encoder):
    """The numbers of clips that the encoder was given, call by call."""
    sizes: list[int] = []
    hook = encoder.register_forward_hook(lambda _, features, __: sizes.append(len(features[0])))
    yield sizes
    hook.remove()


def paths(corpus, *numbers):
    return [corpus / f"{number}.wav" for number in numbers]


def test_a_clip_is_encoded_once_within_the_budget(encoder, corpus, encoded):
    ears = Ears(encoder, 1.0)
    first = ears.hear(paths(corpus, 0, 1, 2))
    again = ears.hear(paths(corpus, 2, 0, 1, 3, 3))
    assert sum(encoded) == 4
    assert torch.equal(again[:3], first[[2, 0, 1]])
    assert torch.equal(again[3], again[4])


def test_beyond_the_budget_it_is_encoded_again_with_an_equal_result(encoder, corpus, encoded):
    clips = paths(corpus, 0, 1, 2, 1)
    kept = [Ears(encoder, 1.0).hear(clips) for _ in range(2)][-1]
    encoded.clear()
    forgetful = Ears(encoder, 0.0)
    assert all(torch.equal(forgetful.hear(clips), kept) for _ in range(2))
    assert sum(encoded) == 6
    encoded.clear()
    short = Ears(encoder, 2.5 * BYTES / GIB)
    assert all(torch.equal(short.hear(clips), kept) for _ in range(3))
    assert sum(encoded) == 3 + 1 + 1


def test_a_clip_sounds_the_same_whatever_it_is_heard_with(encoder, corpus):
    alone = Ears(encoder, 0.0).hear(paths(corpus, 3))
    assert torch.equal(Ears(encoder, 0.0).hear(paths(corpus, *range(10)))[3], alone[0])


def test_a_clip_that_is_missing_or_too_long_is_an_error_with_its_path(encoder, corpus, tmp_path):
    soundfile.write(tmp_path / "long.wav", noise(2.5), 16_000)
    with pytest.raises(InvalidInput, match=r"2\.5 s") as caught:
        Ears(encoder, 1.0).hear([*paths(corpus, 0), tmp_path / "long.wav"])
    assert caught.value.field == str(tmp_path / "long.wav")
    with pytest.raises(NotFound) as caught:
        Ears(encoder, 1.0).hear(paths(corpus, 99))
    assert caught.value.field == str(corpus / "99.wav")


def test_what_memory_has_no_room_for_is_kept_on_disk_within_its_own_budget(encoder, corpus, encoded, tmp_path):
    clips = paths(corpus, 0, 1, 2, 3)
    plain = Ears(encoder, 0.0).hear(clips)
    encoded.clear()
    disk = DiskCache(tmp_path, 2.5 * BYTES / GIB, "tiny")
    both = Ears(encoder, 1.5 * BYTES / GIB, disk=disk)
    assert all(torch.equal(both.hear(clips), plain) for _ in range(3))
    assert sum(encoded) == 4 + 1 + 1
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_a_later_start_hears_from_disk_what_an_earlier_one_put_there(encoder, corpus, encoded, tmp_path):
    clips = paths(corpus, 0, 1)
    first = Ears(encoder, 0.0, disk=DiskCache(tmp_path, 1.0, "tiny"))
    heard = first.hear(clips)
    encoded.clear()
    second = Ears(encoder, 0.0, disk=DiskCache(tmp_path, 1.0, "tiny"))
    assert torch.equal(second.hear(clips), heard)
    assert (sum(encoded), second.samples) == (0, first.samples)
    Ears(encoder, 0.0, disk=DiskCache(tmp_path, 1.0, "another encoder")).hear(clips)
    assert sum(encoded) == 2


def test_a_clip_that_was_changed_is_heard_anew(encoder, tmp_path):
    clip, disk = tmp_path / "clip.wav", DiskCache(tmp_path / "cache", 1.0, "tiny")
    soundfile.write(clip, noise(1.0), 16_000)
    before = Ears(encoder, 0.0, disk=disk).hear([clip])
    soundfile.write(clip, noise(1.5, seed=1), 16_000)
    assert not torch.equal(Ears(encoder, 0.0, disk=disk).hear([clip]), before)


def test_clips_that_are_expected_sound_the_same_and_are_read_once(encoder, corpus, monkeypatch):
    clips, read = paths(corpus, 0, 1), []
    plain = Ears(encoder, 0.0).hear(clips)
    original = module.audio.read
    monkeypatch.setattr(module.audio, "read", lambda path, **more: read.append(path) or original(path, **more))
    ears = Ears(encoder, 0.0, loader_threads=2)
    ears.expect(clips)
    ears.expect(clips)
    assert torch.equal(ears.hear(clips), plain)
    assert sorted(read) == clips
    ears.close()


def test_the_samples_of_clips_are_counted_however_they_are_heard(encoder, corpus):
    ears = Ears(encoder, 1.0)
    for _ in range(2):
        ears.hear(paths(corpus, 0, 1, 1))
    assert (ears.samples / ears.sample_rate, ears.encoded) == (6.0, 2)


def test_what_a_clip_counts_does_not_depend_on_what_was_heard_before(encoder, tmp_path):
    soundfile.write(tmp_path / "odd.wav", noise(0.5005), 16_000)  # sums of such seconds have other last bits each time
    ears, counted = Ears(encoder, 1.0), [0]
    for _ in range(10):
        ears.hear([tmp_path / "odd.wav"])
        counted.append(ears.samples)
    assert {after - before for before, after in pairwise(counted)} == {8008}
