import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest

from earwitness import audio
from earwitness.errors import InvalidInput
from services.trainer import manifest
from services.trainer.corpus.build import build, render
from services.trainer.corpus.plan import PlannedClip
from services.trainer.corpus.signals import PureTone
from services.trainer.corpus.textures import Noise
from services.trainer.description import describe, parse

NUM_CLIPS = 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus") / "built", num_clips=NUM_CLIPS)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_small_corpus_takes_seconds(tmp_path):
    start_s = time.process_time()
    build(tmp_path / "built", num_clips=NUM_CLIPS, seed=9)
    assert time.process_time() - start_s < 5


def test_the_same_seed_gives_the_same_bytes(corpus, tmp_path):
    again = build(tmp_path / "again", num_clips=NUM_CLIPS)
    assert contents(again.parent) == contents(corpus.parent)
    other = build(tmp_path / "other", num_clips=NUM_CLIPS, seed=1)
    assert contents(other.parent) != contents(corpus.parent)


def test_every_clip_is_what_its_row_says(corpus):
    for sample in manifest.read(corpus):
        clip = audio.read(corpus.parent / sample.audio)
        assert (clip.sha256, clip.seconds) == (sample.sha256, sample.seconds)
        assert (clip.source_rate_hz, clip.source_channels) == (16_000, 1)
        assert 1 <= clip.seconds <= 6
        assert abs(clip.samples).max() < 0.999


def test_descriptions_read_back_and_lie_within_their_clips(corpus):
    for sample in manifest.read(corpus):
        events = parse(sample.description)
        assert describe(events) == sample.description
        assert " ".join(event.transcript for event in events if event.transcript) == sample.transcript
        assert bool(sample.transcript) == (sample.kind in ("speech", "mix"))
        assert len(events) == (2 if sample.kind == "mix" else 1)
        assert abs(max(event.end_s for event in events) - sample.seconds) <= 0.5
        for event in events:
            assert event.attributes["Duration"] == f"{event.end_s - event.start_s}s"


@pytest.mark.parametrize(("layout", "starts_s", "seconds"), [("in turn", (0, 2), 4.5), ("at once", (0, 1), 3.5)])
def test_parts_are_heard_when_their_events_say(layout, starts_s, seconds):
    first = PureTone(pitch_hz=440, change="steady", length_s=1.5)
    second = Noise(colour="white", change="steady", volume="High", length_s=2.5)
    samples, events = render(PlannedClip(kind="mix", split="train", recipes=(first, second), layout=layout))
    assert tuple(event.start_s for event in events) == starts_s
    assert len(samples) == seconds * audio.SAMPLE_RATE
    for event, part in zip(events, (first, second), strict=True):
        assert event.end_s - event.start_s == part.seconds
    noisy = samples[round(starts_s[1] * audio.SAMPLE_RATE) :]
    assert abs(np.diff(noisy[-audio.SAMPLE_RATE // 2 :])).max() > 0.2
    assert abs(np.diff(samples[: round(starts_s[1] * audio.SAMPLE_RATE)])).max() < 0.11


def test_kinds_and_splits_have_their_shares(corpus):
    samples = manifest.read(corpus)
    assert Counter(sample.kind for sample in samples) == {"speech": 10, "music": 6, "sound": 6, "mix": 2}
    assert sum(sample.split == "held_out" for sample in samples) == 2


def test_splits_share_no_sentence_and_no_clip(corpus):
    train, held_out = (
        [sample for sample in manifest.read(corpus) if sample.split == split] for split in ("train", "held_out")
    )
    for key in ("sha256", "description"):
        assert not {getattr(sample, key) for sample in train} & {getattr(sample, key) for sample in held_out}
    assert not {sample.transcript for sample in train if sample.transcript} & {s.transcript for s in held_out}


def test_a_finished_corpus_is_not_made_again(corpus):
    calls = []
    assert build(corpus.parent, num_clips=NUM_CLIPS, progress=lambda *counts: calls.append(counts)) == corpus
    assert calls == []


def test_a_killed_build_goes_on_where_it_was(corpus, tmp_path):
    program = f"""
import os
from pathlib import Path
from services.trainer.corpus.build import build, render
from services.trainer.corpus.plan import PlannedClip
from services.trainer.corpus.signals import PureTone
from services.trainer.corpus.textures import Noise
build(Path({str(tmp_path / "killed")!r}), num_clips={NUM_CLIPS}, progress=lambda done, _: done == 9 and os._exit(9))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert not (tmp_path / "killed").exists()
    with (tmp_path / ".killed.partial" / "manifest.jsonl").open("ab") as rows:
        rows.write(b'{"id": "00009-')
    calls = []
    build(tmp_path / "killed", num_clips=NUM_CLIPS, progress=lambda *counts: calls.append(counts))
    assert calls == [(done, NUM_CLIPS) for done in range(10, NUM_CLIPS + 1)]
    assert contents(tmp_path / "killed") == contents(corpus.parent)
    assert [path.name for path in tmp_path.iterdir()] == ["killed"]


def test_what_is_left_of_another_build_is_thrown_away(corpus, tmp_path):
    def stop(done, _):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "built", num_clips=NUM_CLIPS, seed=5, progress=stop)
    build(tmp_path / "built", num_clips=NUM_CLIPS)
    assert contents(tmp_path / "built") == contents(corpus.parent)


def test_of_two_builds_at_once_one_waits(corpus, tmp_path):
    calls = []
    threads = [
        threading.Thread(
            target=build,
            args=(tmp_path / "built",),
            kwargs={"num_clips": NUM_CLIPS, "progress": lambda *counts: calls.append(counts)},
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == NUM_CLIPS
    assert contents(tmp_path / "built") == contents(corpus.parent)


@pytest.mark.parametrize("arguments", [{"num_clips": 20}, {"seed": 1}, {"held_out": 0.2}])
def test_another_corpus_is_not_overwritten(corpus, arguments):
    before = contents(corpus.parent)
    with pytest.raises(InvalidInput, match=r"folder: .* holds something else"):
        build(corpus.parent, **({"num_clips": NUM_CLIPS} | arguments))
    assert contents(corpus.parent) == before


def test_a_folder_with_other_files_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidInput):
        build(tmp_path, num_clips=NUM_CLIPS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    assert contents(build(tmp_path / "empty", num_clips=NUM_CLIPS).parent) == contents(corpus.parent)
