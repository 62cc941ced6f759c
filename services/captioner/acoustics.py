"""Acoustics: what can be measured of a clip without knowing what it is a recording of.

Every figure is finite for any clip, silence included. Nothing here is learnt, and nothing is said of speech, of what
makes the sound, or of meaning.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from earwitness.audio import SAMPLE_RATE, Clip
from services.captioner import pitch
from services.captioner.frames import FLOOR_DB, HOP, RATE, decibels, levels, power_spectrogram, runs
from services.captioner.pitch import Pitch, Track
from services.captioner.rhythm import Rhythm, measure_rhythm
from services.captioner.spectrum import Faults, Timbre, fine_spectrum, is_chord, measure_faults, measure_timbre, outline

SILENT_DBFS = -60.0
"""A clip whose loudest 20 ms stay under this is silent; a frame is if it does, or lies 35 dB under the loudest one."""
MAX_EVENTS = 6
"""A clip that falls apart into more is split at longer silences only."""

Shape = Literal["steady", "fades in", "fades out", "swells", "grows louder", "grows quieter", "uneven", "brief"]
Kind = Literal["tone", "chord", "noise", "click", "sound"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Loudness:
    """Levels, and their course over the clip."""

    rms_dbfs: float
    """Of the frames that are not silent, together."""
    peak_dbfs: float
    shape: Shape
    """The course from the first to the last frame that is not silent; under a quarter of a second it is brief."""
    range_db: float
    """Between the 10th and 95th percentile of the frames that are not silent."""
    silence_fraction: float
    num_gaps: int
    """Silent stretches of 0.15 s or more between sounds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A stretch of sound between silences or steps of pitch."""

    start_s: float
    end_s: float
    level_dbfs: float
    kind: Kind
    pitch: Pitch
    centroid_hz: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Acoustics:
    """All that was measured of a clip."""

    seconds: float
    silent: bool
    loudness: Loudness
    rhythm: Rhythm
    pitch: Pitch
    timbre: Timbre
    faults: Faults
    events: tuple[Event, ...]
    """At most MAX_EVENTS, in time."""
    halves: tuple[Event, Event]
    """The first and the second half, for comparison."""
    stereo_width: float | None
    """As in `Clip`; None for a mono source."""


def measure(clip: Clip) -> Acoustics:
    """Returns what can be measured of `clip`. Ten seconds take one core 15 to 45 ms, the most for unbroken sound."""
    samples = clip.samples - np.float32(clip.samples.mean())
    spectrogram, level_db = power_spectrogram(samples), levels(samples)
    silent = bool(level_db.max() < SILENT_DBFS)
    active = level_db > max(SILENT_DBFS, level_db.max() - 35)
    heard = pitch.track(samples, spectrogram, active)
    frames = _Frames(samples=samples, spectrogram=spectrogram, level_db=level_db, active=active, heard=heard)
    half = max(len(level_db) // 2, 1)
    whole = pitch.summarise(heard, active)
    steps = pitch.steps(heard)
    fine = fine_spectrum(samples)
    spectrum = spectrogram[active if active.any() else slice(None)].mean(axis=0, dtype=np.float64)
    return Acoustics(
        seconds=clip.seconds,
        silent=silent,
        loudness=_loudness(clip.samples, level_db, active),
        rhythm=Rhythm(onsets_s=()) if silent else measure_rhythm(spectrogram, level_db, steps),
        pitch=whole,
        timbre=measure_timbre(spectrum, fine, whole),
        faults=measure_faults(clip.samples, level_db, fine),
        events=tuple(frames.event(start, end) for start, end in _stretches(active, steps)),
        halves=(frames.event(0, half), frames.event(min(half, len(level_db) - 1), len(level_db))),
        stereo_width=clip.stereo_width if clip.source_channels > 1 else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Frames:
    """A clip without its mean, and what each frame holds: the arrays but `samples` are of shape `(frames, ...)`."""

    samples: NDArray[np.float32]
    spectrogram: NDArray[np.float32]
    level_db: NDArray[np.float64]
    active: NDArray[np.bool_]
    heard: Track

    def event(self, start: int, end: int) -> Event:
        """Returns the stretch of frames from `start` to `end` as an event."""
        part = slice(start, end)
        heard = Track(hz=self.heard.hz[part], aperiodicity=self.heard.aperiodicity[part])
        tune = pitch.summarise(heard, self.active[part])
        power = np.square(self.samples[start * HOP : end * HOP], dtype=np.float64).mean()
        spectrum = self.spectrogram[part].mean(axis=0, dtype=np.float64)
        shape = outline(spectrum)
        kind: Kind = "sound"
        if end - start < 8:
            kind = "click"
        elif is_chord(spectrum, tune):
            kind = "chord"
        elif tune.voiced_fraction > 0.7 and tune.harmonicity > 0.85:
            kind = "tone"
        elif tune.harmonicity < 0.5 and shape.flatness > 0.05:
            kind = "noise"
        return Event(
            start_s=start / RATE,
            end_s=min(end / RATE, len(self.samples) / SAMPLE_RATE),
            level_dbfs=float(decibels(power)),
            kind=kind,
            pitch=tune,
            centroid_hz=shape.centroid_hz,
        )


def _stretches(active: NDArray[np.bool_], pitch_steps: list[int]) -> list[tuple[int, int]]:
    """Returns at most MAX_EVENTS stretches, split at silences and, if that leaves few enough, at steps of pitch."""
    sounding = runs(active)
    if not sounding:
        return []
    parts = [part for stretch in _bridge(sounding, 15) for part in _split(stretch, pitch_steps)]
    for gap in (15, 30, 60, 120, 240):
        if len(parts) <= MAX_EVENTS:
            return parts
        parts = _bridge(sounding, gap)
    return parts if len(parts) <= MAX_EVENTS else [(sounding[0][0], sounding[-1][1])]


def _bridge(stretches: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Returns the stretches, joined where fewer than `gap` frames lie between them."""
    joined = stretches[:1]
    for start, end in stretches[1:]:
        if start - joined[-1][1] < gap:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _split(stretch: tuple[int, int], cuts: list[int]) -> list[tuple[int, int]]:
    """Returns the parts of `stretch` between the cuts that lie well within it."""
    start, end = stretch
    return list(itertools.pairwise([start, *(cut for cut in cuts if start + 5 < cut < end - 5), end]))


def _loudness(samples: NDArray[np.float32], level_db: NDArray[np.float64], active: NDArray[np.bool_]) -> Loudness:
    times = np.flatnonzero(active)
    inner = active[times[0] : times[-1] + 1] if len(times) else active
    mean = np.mean(10 ** (level_db[active] / 10)) if len(times) else np.square(samples, dtype=np.float64).mean()
    quiet, loud = np.percentile(level_db[active], (10, 95)) if len(times) else (FLOOR_DB, FLOOR_DB)
    return Loudness(
        rms_dbfs=float(decibels(mean)),
        peak_dbfs=float(decibels(np.square(np.abs(samples).max(), dtype=np.float64))),
        shape=_course(level_db, active) if len(times) else "steady",
        range_db=float(loud - quiet),
        silence_fraction=float(1 - active.mean()),
        num_gaps=sum(end - start >= 15 for start, end in runs(~inner)) if len(times) else 0,
    )


def _course(level_db: NDArray[np.float64], active: NDArray[np.bool_]) -> Shape:
    """Returns the course of the levels by the mean power of eight parts, silences of half a second left out."""
    times = np.flatnonzero(active)
    if times[-1] - times[0] < 24:
        return "brief"
    crests = maximum_filter1d(np.where(active, level_db, FLOOR_DB), 50)[times[0] : times[-1] + 1]
    level_db = crests[crests > FLOOR_DB]
    parts = np.array([decibels(np.mean(10 ** (part / 10))) for part in np.array_split(level_db, 8)])
    top = int(parts.argmax())
    up = bool((np.diff(parts[: top + 1]) > -1.5).all())
    down = bool((np.diff(parts[top:]) < 1.5).all())
    rise, fall = parts[top] - parts[0], parts[top] - parts[-1]
    gradual = np.diff(parts)
    if up and down and rise > 6 and fall > 6 and 2 <= top <= 5:
        return "swells"
    if down and fall > 12 and top <= 4 and rise < 6 and (gradual < -1).sum() >= 3:
        return "fades out"
    if up and rise > 12 and top >= 3 and fall < 6 and (gradual > 1).sum() >= 3:
        return "fades in"
    if np.ptp(parts) < 4:
        return "steady"
    trend = float(np.corrcoef(np.arange(8), parts)[0, 1])
    if abs(trend) > 0.8:
        return "grows louder" if trend > 0 else "grows quieter"
    return "uneven"
