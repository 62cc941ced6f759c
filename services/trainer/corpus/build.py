"""Builds the bundled corpus: a folder of FLAC clips with their manifest, whole or not there at all.

The work goes on beside the folder, in `.NAME.partial`, which takes its place at the end. A build that was killed
goes on after its last row. The same arguments give the same bytes, under the same versions of numpy and eSpeak NG.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from earwitness.audio import SAMPLE_RATE, Clip, encode_flac, from_samples, read
from earwitness.errors import InvalidInput
from services.trainer.corpus import waves
from services.trainer.corpus.plan import PlannedClip, plan
from services.trainer.corpus.recipe import Samples
from services.trainer.corpus.recordings import LONGEST_S, Recording, digest
from services.trainer.description import Event, describe, whole_seconds
from services.trainer.lock import alone_in
from services.trainer.manifest import Sample, Split, encode

FORMAT = 2
"""Grows when the same arguments come to mean other bytes."""

_MANIFEST = "manifest.jsonl"
_PARAMETERS = "corpus.json"
SYNTHETIC = ("earwitness-synthetic", "Apache-2.0", "made from a recipe of services/trainer/corpus")
"""Data set, licence and source of a clip that is made here."""
SHORTEST_S = 1.0
"""Of recordings."""
_OVERLAP_S = 1
"""When a voice sets in over a background."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedClip:
    """A clip that is to be made of a recording."""

    recording: Recording
    split: Split


def build(
    folder: Path,
    *,
    num_clips: int = 240,
    seed: int = 0,
    held_out: float = 0.1,
    recordings: Sequence[Recording] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Makes the corpus in `folder` unless it is there, and returns the path of its manifest.

    Of the synthetic clips, 40 % are speech, 25 % music, 25 % other sounds and 10 % mixtures with speech; each lasts 1
    to 6 s. Recordings follow them. Of two builds of one folder at once, the second waits for the first.

    Args:
        folder: made here, with its parents.
        num_clips: synthetic ones; at most some thousands, since no two of them are alike.
        seed: of every choice.
        held_out: the share of clips, over all kinds alike, that is marked as not for training.
        recordings: files that are decoded to further clips, of 1 to 30 s.
        progress: called after each clip with the number of clips done, and of all.

    Raises:
        InvalidInput: an argument out of range, or something else is in `folder`.
        UnreadableAudio: a recording is damaged.
        NotReady: the speech synthesiser is missing.
    """
    folder = folder.absolute()
    clips = [*plan(num_clips, seed=seed, held_out=held_out), *_recorded(recordings, seed=seed, held_out=held_out)]
    asked = {"num_clips": num_clips, "seed": seed, "held_out": held_out, "recordings": digest(recordings)}
    parameters = json.dumps({"format": FORMAT, **asked}) + "\n"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(folder.parent):
        if _finished(folder, parameters):
            return folder / _MANIFEST
        partial = folder.with_name(f".{folder.name}.partial")
        num_done = _resumed(partial, parameters)
        with (partial / _MANIFEST).open("ab") as rows:
            for index, clip in islice(enumerate(clips), num_done, None):
                rows.write(encode(_write_clip(partial, index, clip)))
                rows.flush()
                if progress:
                    progress(index + 1, len(clips))
        partial.rename(folder)
    return folder / _MANIFEST


def render(clip: PlannedClip) -> tuple[Samples, tuple[Event, ...]]:
    """Returns the clip's samples and what is heard in it when, in order.

    Parts that come in turn each start on a whole second, so that the times of a description are exact.
    """
    parts: list[tuple[float, Samples]] = []
    events: list[Event] = []
    end_s = 0.0
    for recipe in clip.recipes:
        samples = recipe.render()
        seconds = len(samples) / SAMPLE_RATE
        start_s = _OVERLAP_S * len(parts) if clip.layout == "at once" else float(np.ceil(end_s))
        attributes = recipe.attributes() | {"Duration": f"{whole_seconds(seconds)}s"}
        events.append(
            Event(start_s=start_s, end_s=start_s + seconds, transcript=recipe.transcript, attributes=attributes)
        )
        parts.append((start_s, samples))
        end_s = max(end_s, start_s + seconds)
    return waves.placed(parts, end_s), tuple(events)


def _recorded(recordings: Sequence[Recording], *, seed: int, held_out: float) -> Iterator[RecordedClip]:
    """Yields the recordings with their splits: of every data set, the share to hold out."""
    rng = np.random.default_rng([seed, len(recordings)])
    of_dataset = Counter(recording.dataset for recording in recordings)
    left = {dataset: round(count * held_out) for dataset, count in of_dataset.items()}
    holds: set[int] = set()
    for index in rng.permutation(len(recordings)):
        if left[dataset := recordings[index].dataset]:
            left[dataset] -= 1
            holds.add(int(index))
    for index, recording in enumerate(recordings):
        yield RecordedClip(recording=recording, split="held_out" if index in holds else "train")


def _write_clip(folder: Path, index: int, planned: PlannedClip | RecordedClip) -> Sample:
    if isinstance(planned, RecordedClip):
        recording = planned.recording
        clip, events = _heard(recording)
        kind, named = recording.kind, (recording.dataset, recording.licence, recording.source)
    else:
        samples, events = render(planned)
        clip = from_samples(samples)
        kind, named = planned.kind, SYNTHETIC
    name = f"{index:05d}-{kind}"
    audio = f"audio/{name}.flac"
    (folder / audio).write_bytes(encode_flac(clip))
    dataset, licence, source = named
    return Sample(
        id=name,
        audio=audio,
        transcript=" ".join(event.transcript for event in events if event.transcript),
        description=describe(events, exact=isinstance(planned, PlannedClip)),
        kind=kind,
        split=planned.split,
        seconds=clip.seconds,
        sha256=clip.sha256,
        events=events,
        dataset=dataset,
        licence=licence,
        source=source,
    )


def _heard(recording: Recording) -> tuple[Clip, tuple[Event, ...]]:
    """Returns the recording as a clip, with silence after it if it is under a second, and what is heard in it."""
    clip = read(recording.path, max_seconds=LONGEST_S)
    if clip.seconds < SHORTEST_S:
        clip = from_samples(waves.placed([(0.0, clip.samples.astype(np.float64))], SHORTEST_S))
    attributes = {**recording.attributes, "Duration": f"{whole_seconds(clip.seconds)}s"}
    return clip, (Event(start_s=0.0, end_s=clip.seconds, transcript=recording.transcript, attributes=attributes),)


def _finished(folder: Path, parameters: str) -> bool:
    """Whether the corpus is there; raises InvalidInput if something else is."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    made_with = folder / _PARAMETERS
    if not made_with.is_file() or made_with.read_text() != parameters:
        raise InvalidInput(
            f"{folder} holds something else than the corpus that was asked for",
            "folder",
            "choose another folder, or delete this one",
        )
    return True


def _resumed(partial: Path, parameters: str) -> int:
    """Makes `partial` ready to be added to, and returns the number of clips that it holds for good."""
    made_with, rows = partial / _PARAMETERS, partial / _MANIFEST
    if not made_with.is_file() or made_with.read_text() != parameters:
        if partial.exists():
            shutil.rmtree(partial)
        (partial / "audio").mkdir(parents=True)
        rows.touch()
        made_with.write_text(parameters)
    whole, _, _torn = rows.read_bytes().rpartition(b"\n")
    num_done = whole.count(b"\n") + 1 if whole else 0
    os.truncate(rows, len(whole) + 1 if whole else 0)
    return num_done
