"""Measurements on a finished clip, each a number or a list of numbers, found by name in `MEASURES`.

They read nothing but samples of shape `(frames,)` at 16 kHz and their own arguments, so anyone can take them again. An
*event* is a stretch of sound between silences. Events are counted from 1. `verdict` turns a value into an answer.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from tools.mini_mmau.clips import SAMPLE_RATE, Samples
from tools.mini_mmau.pitch import pitch_track, semitones

Value = float | list[float]
HOP = SAMPLE_RATE // 100
NUM_BANDS = 10


def levels(samples: Samples) -> Samples:
    """Returns the level of each 10 ms in decibels under the loudest, never below -90."""
    whole = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    power = np.mean(whole**2, axis=1)
    return 10 * np.log10(np.maximum(power / power.max(), 1e-9))


def events(samples: Samples, gap_s: float = 0.2, floor_db: float = -55.0) -> list[Samples]:
    """Returns the stretches above `floor_db` that at least `gap_s` of silence separates."""
    return [samples[start:end] for start, end in _spans(samples, gap_s, floor_db)]


def _spans(samples: Samples, gap_s: float = 0.2, floor_db: float = -55.0) -> list[tuple[int, int]]:
    loud = np.flatnonzero(levels(samples) > floor_db)
    breaks = np.flatnonzero(np.diff(loud) > gap_s * 100)
    starts = loud[np.concatenate([[0], breaks + 1])]
    ends = loud[np.concatenate([breaks, [len(loud) - 1]])] + 1
    return [(int(start) * HOP, int(end) * HOP) for start, end in zip(starts, ends, strict=True)]


def num_events(samples: Samples, gap_s: float = 0.2) -> float:
    """Returns how many stretches of sound there are, at least `gap_s` of silence apart."""
    return len(_spans(samples, gap_s))


def onsets(samples: Samples, rise_db: float = 9.0, apart_s: float = 0.12) -> Samples:
    """Returns the times in seconds at which the level rises by `rise_db` within 30 ms, at least `apart_s` apart."""
    level = np.concatenate([np.full(3, -60.0), np.maximum(levels(samples), -60.0)])
    rise = level[3:] - level[:-3]
    times: list[float] = []
    for frame in np.flatnonzero(rise >= rise_db):
        if not times or frame / 100 - times[-1] >= apart_s:
            times.append(frame / 100)
    return np.array(times)


def num_onsets(samples: Samples, rise_db: float = 9.0) -> float:
    """Returns how many times the level rises by `rise_db` at once, also where sounds overlap."""
    return len(onsets(samples, rise_db))


def profile(samples: Samples, event: int = 0, start_s: float = 0.0, end_s: float = 60.0) -> list[float]:
    """Returns the energy in ten bands evenly spaced in octaves from 100 Hz to 7.5 kHz, in whole dB about their mean.

    It is taken of the whole clip, of one event, or of `start_s`..`end_s`; no band counts as more than 40 dB under the
    strongest.
    """
    part = events(samples)[event - 1] if event else samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
    power = np.abs(np.fft.rfft(part, max(len(part), 4096))) ** 2
    edges = np.geomspace(100, 7500, NUM_BANDS + 1) * 2 * (len(power) - 1) / SAMPLE_RATE
    bands = [power[int(low) : int(high)].mean() for low, high in itertools.pairwise(edges)]
    decibels = 10 * np.log10(np.maximum(np.array(bands) / max(bands), 1e-4))
    return [float(round(value)) for value in decibels - decibels.mean()]


def num_like(samples: Samples, profiles: Mapping[str, list[float]], like: str) -> float:
    """Returns how many events have a profile nearer to that of `like` than to any other of `profiles`."""
    nearest = [min(profiles, key=lambda name: distance(profiles[name], profile(event))) for event in events(samples)]
    return nearest.count(like)


def level_slope_db(samples: Samples) -> float:
    """Returns the mean change of peak level from one event to the next, in decibels."""
    peaks = [20 * np.log10(np.abs(event).max()) for event in events(samples)]
    return float(np.polyfit(range(len(peaks)), peaks, 1)[0])


def swell_db_per_s(samples: Samples) -> float:
    """Returns the slope of the level over the sounding part, in decibels a second."""
    level = levels(samples)
    sounding = np.flatnonzero(level > -45)
    return float(np.polyfit(sounding / 100, level[sounding], 1)[0])


def longest_gap(samples: Samples, gap_s: float = 0.1) -> float:
    """Returns the number of the event after which the longest silence comes."""
    spans = _spans(samples, gap_s)
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    return float(np.argmax(gaps)) + 1


def pace(samples: Samples) -> float:
    """Returns the last interval between onsets over the first: under 1 is getting faster."""
    steps = np.diff(onsets(samples))
    return float(steps[-1] / steps[0])


def longest(samples: Samples) -> float:
    """Returns the number of the event that lasts longest."""
    return float(np.argmax([len(event) for event in events(samples)])) + 1


def latest_peak(samples: Samples) -> float:
    """Returns the number of the event whose peak comes latest in it, as in a struck sound played backwards."""
    return float(np.argmax([np.argmax(np.abs(event)) / len(event) for event in events(samples)])) + 1


def event_ratio(samples: Samples, of: Literal["duration", "pitch", "level"]) -> float:
    """Returns what the second event has of `of` (seconds, median hertz, root mean square) over what the first has."""
    first, second = events(samples, gap_s=0.35)
    if of == "duration":
        return len(second) / len(first)
    if of == "level":
        return float(np.sqrt(np.mean(second**2) / np.mean(first**2)))
    return pitch_hz(second) / pitch_hz(first)


def pitch_hz(samples: Samples, low_hz: float = 60.0, high_hz: float = 1000.0) -> float:
    """Returns the median fundamental frequency of the voiced frames; raises `ValueError` where there are none."""
    track = pitch_track(samples, low_hz, high_hz)
    if not np.any(track > 0):
        raise ValueError("the sound has no pitch")
    return float(np.median(track[track > 0]))


def _notes(samples: Samples) -> list[Samples]:
    """Returns the events that even the short silences between notes separate."""
    return events(samples, gap_s=0.02, floor_db=-45.0)


def _midi(note: Samples) -> float:
    return round(float(semitones(pitch_hz(note))), 1)


def steps(samples: Samples) -> list[float]:
    """Returns whether the pitch goes up (1), down (-1) or stays (0) from each note to the next."""
    return [float(np.sign(round(step))) for step in np.diff([_midi(note) for note in _notes(samples)])]


def interval(samples: Samples, first: int = 1, second: int = 2) -> float:
    """Returns the distance in semitones from one note's pitch up to another's."""
    notes = _notes(samples)
    return _midi(notes[second - 1]) - _midi(notes[first - 1])


def num_pitches(samples: Samples) -> float:
    """Returns how many different pitches, to the nearest semitone, the notes have."""
    return len({round(_midi(note)) for note in _notes(samples)})


def highest(samples: Samples) -> float:
    """Returns the number of the event with the highest median pitch."""
    return float(np.argmax([pitch_hz(event) for event in events(samples, gap_s=0.35)])) + 1


def num_voices(samples: Samples, apart_semitones: float = 3.0) -> float:
    """Returns how many groups the events' median pitches fall into, where neighbours within the gap are one group."""
    pitches = np.sort([semitones(pitch_hz(event)) for event in events(samples, gap_s=0.35)])
    return float(np.sum(np.diff(pitches) > apart_semitones)) + 1


def tempo_bpm(samples: Samples, low: float = 50.0, high: float = 200.0) -> float:
    """Returns the beats a minute at which the rises of level repeat most strongly, by autocorrelation."""
    level = np.maximum(levels(samples), -50.0)
    rise = np.maximum(np.diff(level), 0)
    rise = np.convolve(rise - rise.mean(), np.hanning(7), "same")
    correlation = np.correlate(rise, rise, "full")[len(rise) - 1 :]
    lags = np.arange(round(6000 / high), round(6000 / low) + 1)
    best = int(lags[np.argmax(correlation[lags])])
    before, at, after = correlation[best - 1 : best + 2]
    return float(6000 / (best + 0.5 * (before - after) / (before - 2 * at + after)))


def accent_period(samples: Samples) -> float:
    """Returns after how many onsets the spectral profile repeats best, among 2 to 5: the beats of a bar."""
    starts = (onsets(samples) * SAMPLE_RATE).astype(int)
    beats = np.array([profile(samples[start : start + SAMPLE_RATE // 8]) for start in starts])
    costs = {n: float(np.mean(np.linalg.norm(beats[n:] - beats[:-n], axis=1))) for n in (2, 3, 4, 5)}
    return float(min(costs, key=lambda n: costs[n]))


def num_tones(samples: Samples) -> float:
    """Returns the number of spectral peaks within 12 dB of the strongest: notes at once, where overtones are weaker."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17)) ** 2
    near = round(20 * (1 << 17) / SAMPLE_RATE)
    strong = np.flatnonzero(power > power.max() * 10**-1.2)
    return float(sum(power[i] == power[max(i - near, 0) : i + near].max() for i in strong))


def first_above(samples: Samples, hz: float) -> float:
    """Returns the time in seconds at which the band above `hz` first comes within 12 dB of its loudest."""
    spectrum = np.fft.rfft(samples)
    spectrum[: int(hz * len(samples) / SAMPLE_RATE)] = 0
    return float(np.argmax(levels(np.fft.irfft(spectrum, len(samples))) > -12)) / 100


def voiced_share(samples: Samples) -> float:
    """Returns the share of the sounding frames that are periodic."""
    track = pitch_track(samples, 70.0, 400.0, clarity=0.6)
    return float(np.mean(track[track >= 0] > 0))


def words_per_s(samples: Samples, num_words: int) -> float:
    """Returns how many words of a known text are spoken a second."""
    start, end = _spans(samples, gap_s=60.0)[0]
    return num_words * SAMPLE_RATE / (end - start)


def final_rise(samples: Samples) -> float:
    """Returns by how many semitones the pitch rises over the last quarter second that is voiced (least squares)."""
    track = pitch_track(samples, 60.0, 500.0)
    voiced = semitones(track[track > 0])[-25:]
    return float(np.polyfit(range(len(voiced)), voiced, 1)[0]) * 25


MEASURES: dict[str, Callable[..., Value]] = {
    measure.__name__: measure
    for measure in (
        num_events,
        num_onsets,
        profile,
        num_like,
        level_slope_db,
        swell_db_per_s,
        longest_gap,
        pace,
        longest,
        latest_peak,
        event_ratio,
        pitch_hz,
        steps,
        interval,
        num_pitches,
        highest,
        num_voices,
        tempo_bpm,
        accent_period,
        num_tones,
        first_above,
        voiced_share,
        words_per_s,
        final_rise,
    )
}


def take(what: str, samples: Samples, arguments: Mapping[str, Any]) -> Value:
    """Returns the measurement `what`, rounded to three places."""
    value = MEASURES[what](samples, **arguments)
    return [round(part, 3) for part in value] if isinstance(value, list) else round(float(value), 3)


def distance(one: Value, other: Value) -> float:
    """Returns how far two values lie apart, infinitely if they are lists of unequal length."""
    left, right = np.atleast_1d(one), np.atleast_1d(other)
    return float(np.linalg.norm(left - right)) if left.shape == right.shape else float("inf")


def verdict(value: Value, by_choice: Mapping[str, Value | None]) -> str | None:
    """Returns the choice whose expected value is nearest, or None where the second nearest is less than twice as far.

    `by_choice` says what the measurement would give if each choice were right; None where nothing could be measured.
    """
    apart = sorted(
        (distance(value, expected), choice) for choice, expected in by_choice.items() if expected is not None
    )
    if len(apart) > 1 and apart[1][0] < 2 * apart[0][0]:
        return None
    return apart[0][1] if apart[0][0] < float("inf") else None
