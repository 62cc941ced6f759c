import numpy as np
import pytest

from earwitness.audio import SAMPLE_RATE
from services.trainer.corpus.drums import PATTERNS, DrumBeat
from tests.services.trainer.corpus import measure

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("beat", [DrumBeat.draw(RNG) for _ in range(20)], ids=str)
def test_a_beat_has_whole_bars_of_its_tempo(beat):
    beat_s = 60 / beat.beats_per_minute
    assert len(beat.render()) == round(beat.num_bars * PATTERNS[beat.pattern][0] * beat_s * SAMPLE_RATE)
    assert 1 <= beat.seconds <= 6


@pytest.mark.parametrize("pattern", ["waltz", "half-time"])
@pytest.mark.parametrize("beats_per_minute", [80, 120, 160])
def test_the_tempo_is_heard_as_the_distance_of_strokes(pattern, beats_per_minute):
    beat = DrumBeat(pattern=pattern, beats_per_minute=beats_per_minute, num_bars=2)
    heard = measure.onsets(beat.render())
    assert len(heard) == 2 * PATTERNS[pattern][0]
    assert np.diff(heard) == pytest.approx(60 / beats_per_minute, abs=0.011)


@pytest.mark.parametrize("pattern", list(PATTERNS))
def test_strokes_sound_where_the_pattern_has_them(pattern):
    beat = DrumBeat(pattern=pattern, beats_per_minute=100, num_bars=1)
    samples = beat.render()
    for start_s, _ in beat.strikes():
        start = round(start_s * SAMPLE_RATE)
        assert measure.rms(samples[start : start + 160]) > 0.02
