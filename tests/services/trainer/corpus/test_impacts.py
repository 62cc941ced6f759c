import numpy as np
import pytest

from services.trainer.corpus.impacts import BellStrokes, Clicks, Knocks
from tests.services.trainer.corpus import measure

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "recipe", [kind.draw(RNG) for kind in (Knocks, Clicks, BellStrokes) for _ in range(15)], ids=str
)
def test_impacts_are_as_many_as_stated_and_where_they_belong(recipe):
    heard = measure.onsets(recipe.render())
    assert str(len(heard)) == recipe.attributes()["Count"]
    assert heard == pytest.approx(recipe.onsets(), abs=0.011)


@pytest.mark.parametrize("clicks", [Clicks.draw(RNG) for _ in range(15)], ids=str)
def test_the_pace_of_clicks_is_heard_in_their_gaps(clicks):
    gaps = np.diff(measure.onsets(clicks.render()))
    first, last = gaps[0], gaps[-1]
    match clicks.pace:
        case "steady":
            assert max(gaps) - min(gaps) < 0.011
        case "speeding up":
            assert last < 0.5 * first
        case "slowing down":
            assert first < 0.5 * last


@pytest.mark.parametrize("num_groups", [2, 3])
def test_groups_of_knocks_are_parted_by_longer_pauses(num_groups):
    knocks = Knocks(num_groups=num_groups, per_group=3, spacing_s=0.2, resonance="dull")
    gaps = np.diff(measure.onsets(knocks.render()))
    assert (gaps > 0.35).sum() == num_groups - 1


def test_bright_knocks_and_high_bells_are_higher():
    dull, bright = (
        measure.strongest_hz(Knocks(num_groups=1, per_group=2, spacing_s=0.3, resonance=resonance).render())
        for resonance in ("dull", "bright")
    )
    low, middle, high = (
        measure.strongest_hz(BellStrokes(num_strokes=2, register=register, spacing_s=0.6).render())
        for register in ("low", "middle", "high")
    )
    assert dull < bright
    assert low < middle < high
