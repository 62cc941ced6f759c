import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from earwitness import audio, wav
from earwitness.errors import InvalidInput, NotFound, UnreadableAudio
from services.evaluator.clips import ClipStore
from tests import sounds


@pytest.fixture
def store(tmp_path):
    return ClipStore(folder=tmp_path / "clips")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "bell.flac"
    path.write_bytes(sounds.encode(sounds.tone(440, 1.5), format="FLAC"))
    return path


@pytest.fixture
def plain(tmp_path):
    """A source in the store's own form."""
    path = tmp_path / "bell.wav"
    path.write_bytes(wav.encode(audio.from_samples(sounds.tone(440, 1.5))))
    return path


def test_a_file_is_decoded_once_in_its_life(store, source, tmp_path):
    first, second = store.find(source), store.find(source)
    assert first == second
    assert ClipStore(folder=tmp_path / "clips").find(source) == first
    assert store.decoded == 1


def test_what_is_kept_is_the_clip_under_its_hash(store, source):
    clip, kept = audio.read(source), store.find(source)
    assert (kept.sha256, kept.seconds) == (clip.sha256, clip.seconds)
    assert audio.decode(kept.read()).sha256 == clip.sha256


def test_a_file_that_changes_is_decoded_again(store, source):
    before = store.find(source)
    source.write_bytes(sounds.encode(sounds.tone(660, 1.5), format="FLAC"))
    os.utime(source, ns=(1, 1))
    assert store.find(source).sha256 != before.sha256
    assert store.decoded == 2


def test_one_recording_in_two_formats_is_kept_once(store, source, tmp_path):
    aiff = tmp_path / "bell.aiff"
    aiff.write_bytes(sounds.encode(sounds.tone(440, 1.5), format="AIFF"))
    assert store.find(source).path == store.find(aiff).path


def test_a_source_in_the_store_s_own_form_is_not_copied(store, plain, tmp_path):
    found = store.find(plain)
    assert found.path == plain
    assert ClipStore(folder=tmp_path / "clips").find(plain) == found
    assert audio.decode(found.read()).sha256 == found.sha256
    assert not (store.folder / "pcm16").exists()


@pytest.mark.parametrize("change", [Path.unlink, lambda path: os.utime(path, ns=(1, 1))])
def test_a_source_that_is_not_copied_must_stay_as_it_was(change, store, plain):
    found = store.find(plain)
    change(plain)
    with pytest.raises(InvalidInput, match=r"bell\.wav: was changed during the run"):
        found.read()


def test_a_kept_clip_or_a_note_that_is_lost_or_damaged_is_made_again(store, source, tmp_path):
    kept = store.find(source)
    kept.path.unlink()
    assert store.find(source).read()
    for note in (tmp_path / "clips" / "sources").rglob("*"):
        if note.is_file():
            note.write_bytes(b"{")
    assert store.find(source) == kept
    assert store.decoded == 3


def test_threads_may_find_one_file_at_once(store, source):
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: store.find(source), range(32)))
    assert len(found) == 1
    assert not list(store.folder.rglob("*.*-*"))


def test_what_is_no_audio_is_an_error_that_names_the_file(store, tmp_path):
    (tmp_path / "rubbish.wav").write_bytes(b"this is no sound")
    with pytest.raises(UnreadableAudio, match=r"rubbish\.wav"):
        store.find(tmp_path / "rubbish.wav")
    with pytest.raises(NotFound, match=r"missing\.wav"):
        store.find(tmp_path / "missing.wav")
