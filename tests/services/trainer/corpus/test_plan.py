from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import InvalidInput
from services.trainer.corpus.plan import SHARES, apportion, plan
from services.trainer.corpus.speech import Speech


def speeches(clips):
    return [recipe for clip in clips for recipe in clip.recipes if isinstance(recipe, Speech)]


@pytest.mark.parametrize("num_clips", [1, 7, 24, 240, 1_001])
def test_kinds_have_their_shares_in_both_splits(num_clips):
    clips = plan(num_clips, seed=0, held_out=0.2)
    held_out = [clip for clip in clips if clip.split == "held_out"]
    assert len(clips) == num_clips
    assert len(held_out) == round(num_clips * 0.2)
    for chosen in (clips, held_out):
        counts = Counter(clip.kind for clip in chosen)
        for kind, share in SHARES.items():
            assert abs(counts[kind] - share * len(chosen)) < 1.5


def test_no_two_clips_share_a_recipe_a_sentence_or_a_voice():
    clips = plan(2_000, seed=1, held_out=0.1)
    sounds = [recipe for clip in clips for recipe in clip.recipes if not isinstance(recipe, Speech)]
    for parts in (sounds, [s.sentence for s in speeches(clips)], [s.voice for s in speeches(clips)]):
        assert len(set(parts)) == len(parts)


def test_no_two_sounds_of_different_clips_have_the_same_attributes():
    clips = plan(2_000, seed=1, held_out=0.1)
    stated = [
        (tuple(recipe.attributes().items()), recipe.seconds)
        for clip in clips
        for recipe in clip.recipes
        if not isinstance(recipe, Speech)
    ]
    assert len(set(stated)) == len(stated)


def test_every_family_of_sound_is_in_a_corpus_of_the_usual_size():
    assert len({type(recipe) for clip in plan(240, seed=0, held_out=0.1) for recipe in clip.recipes}) == 16


def test_the_seed_decides():
    assert plan(48, seed=3, held_out=0.1) == plan(48, seed=3, held_out=0.1)
    assert plan(48, seed=3, held_out=0.1) != plan(48, seed=4, held_out=0.1)


def test_what_is_held_out_changes_no_clip():
    first, second = (plan(48, seed=3, held_out=share) for share in (0.0, 0.5))
    assert sorted(map(str, (clip.recipes for clip in first))) == sorted(map(str, (clip.recipes for clip in second)))


def test_both_sexes_and_all_levels_speak():
    voices = [speech.voice for speech in speeches(plan(240, seed=0, held_out=0.1))]
    for count in Counter(voice.sex for voice in voices).values():
        assert count > 0.35 * len(voices)
    for level in ("pace", "pitch_level", "volume"):
        assert len({getattr(voice, level) for voice in voices}) == 3


@pytest.mark.parametrize(
    ("num_clips", "held_out", "field"), [(0, 0.1, "num_clips"), (24, 1.0, "held_out"), (24, -0.1, "held_out")]
)
def test_arguments_out_of_range_are_named(num_clips, held_out, field):
    with pytest.raises(InvalidInput) as caught:
        plan(num_clips, seed=0, held_out=held_out)
    assert caught.value.field == field


def test_more_clips_than_there_are_sounds_are_refused():
    with pytest.raises(InvalidInput, match="num_clips: there are only"):
        plan(20_000, seed=0, held_out=0.1)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 100), min_size=1, max_size=6))
def test_shares_add_up_and_are_exact_to_one(total, weights):
    shares = apportion(total, weights)
    assert sum(shares) == total
    assert all(abs(share - total * weight / sum(weights)) < 1 for share, weight in zip(shares, weights, strict=True))
