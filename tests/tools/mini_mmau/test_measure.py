"""Measurements find what a clip was made to have, and a verdict is only given when it is clear."""

import numpy as np
import pytest

from tools.mini_mmau.clips import SAMPLE_RATE, Clip, backwards, gained, sequence, swelled
from tools.mini_mmau.measure import MEASURES, take, verdict
from tools.mini_mmau.melodies import chord, hertz, melody, note


def burst(seconds: float = 0.3, seed: int = 0) -> Clip:
    noise = np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE)) * 0.2
    return Clip(samples=noise * np.linspace(1, 0.05, len(noise)), sources=note(60).sources)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_events_are_counted(count: int) -> None:
    assert take("num_events", sequence(*[burst()] * count).samples, {}) == count
    assert take("num_onsets", sequence(*[burst()] * count).samples, {}) == count


@pytest.mark.parametrize("bpm", [70, 95, 132])
def test_tempo_is_found_within_two_beats_a_minute(bpm: int) -> None:
    beats = sequence(*[burst(0.1)] * 12, gap_s=60 / bpm - 0.1).samples
    assert take("tempo_bpm", beats, {"low": 60, "high": 139}) == pytest.approx(bpm, abs=2)


@pytest.mark.parametrize("timbre", ["organ", "pluck", "flute"])
@pytest.mark.parametrize("midi", [48, 60, 76])
def test_pitch_is_the_fundamental_of_any_timbre(midi: int, timbre: str) -> None:
    assert take("pitch_hz", note(midi, 0.6, timbre).samples, {}) == pytest.approx(hertz(midi), rel=0.01)


def test_noise_has_no_pitch() -> None:
    with pytest.raises(ValueError, match="no pitch"):
        take("pitch_hz", burst().samples, {})


@pytest.mark.parametrize("semitones", [-7, 3, 4, 12])
def test_an_interval_is_measured_in_semitones(semitones: int) -> None:
    assert take("interval", melody(60, 60 + semitones, beat_s=0.6).samples, {}) == pytest.approx(semitones, abs=0.2)


def test_steps_follow_the_melody() -> None:
    assert take("steps", melody(60, 64, 64, 59).samples, {}) == [1, 0, -1]


@pytest.mark.parametrize("notes", [(57,), (57, 64), (57, 64, 73)])
def test_notes_that_sound_at_once_are_counted(notes: tuple[int, ...]) -> None:
    assert take("num_tones", chord(*notes, seconds=2.0, timbre="flute").samples, {}) == len(notes)


@pytest.mark.parametrize("step_db", [-5.0, 0.0, 4.0])
def test_level_slope_is_the_gain_from_event_to_event(step_db: float) -> None:
    clip = sequence(*(gained(burst(), step_db * k) for k in range(4)))
    assert take("level_slope_db", clip.samples, {}) == pytest.approx(step_db, abs=0.1)


def test_a_swell_rises_and_its_reverse_falls() -> None:
    swell = swelled(note(60, 3.0, "organ"), -24, 0)
    assert take("swell_db_per_s", swell.samples, {}) == pytest.approx(8, abs=1)
    assert take("swell_db_per_s", backwards(swell).samples, {}) == pytest.approx(-8, abs=1)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_the_event_played_backwards_is_found(place: int) -> None:
    events = [backwards(burst()) if k == place else burst() for k in (1, 2, 3)]
    assert take("latest_peak", sequence(*events).samples, {}) == place


def test_profiles_tell_a_low_sound_from_a_high_one_at_any_level() -> None:
    low, high = note(48, 1.0, "flute"), note(84, 1.0, "flute")
    expected = {name: take("profile", clip.samples, {}) for name, clip in (("low", low), ("high", high))}
    assert verdict(take("profile", gained(low, -20).samples, {}), expected) == "low"
    assert take("num_like", sequence(low, high, low).samples, {"profiles": expected, "like": "low"}) == 2


def test_a_verdict_needs_the_second_nearest_to_be_twice_as_far() -> None:
    assert verdict(4.0, {"four": 4, "five": 5}) == "four"
    assert verdict(4.4, {"four": 4, "five": 5}) is None
    assert verdict([1.0, 1.0], {"up": [1, 1], "longer": [1, 1, 1], "unmeasured": None}) == "up"


def test_every_measure_says_what_it_returns() -> None:
    assert all((measure.__doc__ or "").startswith("Returns") for measure in MEASURES.values())
