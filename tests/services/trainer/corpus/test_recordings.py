import gzip

import numpy as np
import pytest
import soundfile

from earwitness import audio
from earwitness.errors import InvalidInput, NotFound
from services.trainer import manifest
from services.trainer.corpus.build import build
from services.trainer.corpus.recordings import PACKAGES, WORDS_PACKAGE, choose, digest, find
from services.trainer.description import parse

README = """All placed in the public domain.

* `:drum_cowbell` - http://freesound.org/people/Neotone/sounds/75338/
* `:perc_door` - http://www.freesound.org/people/A%20Smith/sounds/1/
* `:loop_weirdo` - http://freesound.org/people/Somebody/sounds/2/
* `:drum_roll` - http://freesound.org/people/Heigh-hoo/sounds/19433/
"""
WORDS = """; Core Asterisk Sounds in English

agent-pass: Please enter your password followed by the pound key.
beep: [this is a simple beep tone]
digits/1: one
vm-goodbye: Goodbye  and thank you
missing: There is no file of this.
"""


def record(path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).uniform(-0.5, 0.5, round(8_000 * seconds))
    soundfile.write(path, noise, 8_000, subtype="PCM_16")


@pytest.fixture(scope="module")
def sonic_pi(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sonic-pi") / "samples"
    for name, seconds in (("drum_cowbell", 0.3), ("perc_door", 2.4), ("loop_weirdo", 1), ("drum_roll", 31)):
        record(folder / f"{name}.flac", seconds)
    (folder / "README.md").write_text(README)
    return folder


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory):
    """As Debian lays it out: the words come with another package."""
    share = tmp_path_factory.mktemp("share")
    folder = share / "asterisk" / "sounds" / "en_US_f_Allison"
    for name in ("agent-pass", "beep", "digits/1", "vm-goodbye"):
        record(folder / f"{name}.wav", 1.5)
    (share / "doc" / WORDS_PACKAGE).mkdir(parents=True)
    (share / "doc" / WORDS_PACKAGE / "core-sounds-en.txt.gz").write_bytes(gzip.compress(WORDS.encode()))
    return folder


@pytest.fixture(scope="module")
def found(sonic_pi, asterisk):
    return find(sonic_pi=sonic_pi, asterisk=asterisk)


def test_what_is_named_short_and_credited_is_found(found):
    assert found.missing == ()
    by_name = {each.path.stem: each for each in found.recordings}
    assert by_name.keys() == {"drum_cowbell", "perc_door", "agent-pass", "vm-goodbye"}
    cowbell, spoken = by_name["drum_cowbell"], by_name["vm-goodbye"]
    assert (cowbell.kind, cowbell.licence, cowbell.attributes) == ("music", "CC0-1.0", {"cowbell": ""})
    assert (
        cowbell.source
        == "drum_cowbell.flac, Neotone on freesound.org, http://freesound.org/people/Neotone/sounds/75338/"
    )
    assert "A Smith" in by_name["perc_door"].source
    assert (spoken.kind, spoken.licence, spoken.transcript) == ("speech", "CC-BY-SA-3.0", "Goodbye and thank you")
    assert spoken.attributes["Gender"] == "Female"


def test_what_is_not_installed_is_named_by_its_package(tmp_path, monkeypatch, sonic_pi, asterisk):
    monkeypatch.setattr("services.trainer.corpus.recordings.SONIC_PI", tmp_path / "a")
    monkeypatch.setattr("services.trainer.corpus.recordings.ASTERISK", tmp_path / "b")
    assert find().missing == (PACKAGES[0], f"{PACKAGES[1]} {WORDS_PACKAGE}")
    assert find(asterisk=asterisk).missing == (PACKAGES[0],)
    monkeypatch.setattr("services.trainer.corpus.recordings.ASTERISK", sonic_pi)
    assert find().missing == (PACKAGES[0], WORDS_PACKAGE)


@pytest.mark.parametrize("option", ["sonic_pi", "asterisk"])
def test_a_folder_that_was_given_has_to_hold_them(tmp_path, option):
    with pytest.raises(NotFound, match="holds no recording") as caught:
        find(**{option: tmp_path})
    assert caught.value.field.startswith(f"--{option.replace('_', '-')} ")


def test_a_choice_takes_of_each_data_set_and_is_the_same_for_a_seed(found):
    for most in range(6):
        chosen = choose(found.recordings, most, seed=0)
        assert len(chosen) == min(most, 4)
        assert choose(reversed(found.recordings), most, seed=0) == chosen
    assert len({each.dataset for each in choose(found.recordings, 2, seed=0)}) == 2
    names = {tuple(each.path.stem for each in choose(found.recordings, 4, seed=seed)) for seed in range(5)}
    assert len(names) > 1
    with pytest.raises(InvalidInput, match="--recordings"):
        choose(found.recordings, -1, seed=0)


def test_recordings_follow_the_synthetic_clips_with_licence_and_source(found, tmp_path):
    chosen = choose(found.recordings, 4, seed=0)
    told: list[tuple[int, int]] = []
    path = build(tmp_path / "c", num_clips=3, recordings=chosen, progress=lambda *at: told.append(at))
    plain = manifest.read(build(tmp_path / "plain", num_clips=3))
    samples = manifest.read(path)
    assert (samples[:3], told[-1]) == (plain, (7, 7))
    assert {each.dataset for each in plain} == {"earwitness-synthetic"}
    for sample, recording in zip(samples[3:], chosen, strict=True):
        clip = audio.read(path.parent / sample.audio)
        assert (clip.sha256, clip.seconds) == (sample.sha256, sample.seconds)
        assert clip.seconds >= 1
        assert (sample.dataset, sample.licence, sample.source) == (
            recording.dataset,
            recording.licence,
            recording.source,
        )
        assert (sample.kind, sample.transcript) == (recording.kind, recording.transcript)
        (event,) = parse(sample.description)
        assert event.attributes == {**recording.attributes, "Duration": f"{event.end_s}s"}


def test_the_same_recordings_make_the_same_corpus_and_others_another(found, tmp_path):
    chosen = choose(found.recordings, 4, seed=0)
    build(tmp_path / "c", num_clips=3, recordings=chosen)
    assert build(tmp_path / "c", num_clips=3, recordings=chosen, progress=lambda *at: pytest.fail("made anew"))
    with pytest.raises(InvalidInput, match="holds something else"):
        build(tmp_path / "c", num_clips=3, recordings=chosen[1:])
    assert len({digest(chosen[:count]) for count in range(5)}) == 5


def test_of_every_data_set_a_share_is_held_out(asterisk, found, tmp_path):
    voices = [each for each in found.recordings if each.kind == "speech"]
    samples = manifest.read(build(tmp_path / "c", num_clips=2, held_out=0.5, recordings=voices))
    assert sorted(each.split for each in samples[2:]) == ["held_out", "train"]
