"""The plan of a corpus: which clips it has, of which kind and split, before a sample is rendered.

No two clips of a plan have an equal recipe, sentence or voice, so that held-out clips share none with training ones.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from earwitness.errors import InvalidInput
from services.trainer.corpus.drums import DrumBeat
from services.trainer.corpus.impacts import BellStrokes, Clicks, Knocks
from services.trainer.corpus.melodies import Chords, Melody
from services.trainer.corpus.recipe import Recipe, TimedRecipe
from services.trainer.corpus.signals import Alarm, Beeps, Chirps, PureTone, Siren
from services.trainer.corpus.speech import Speech
from services.trainer.corpus.textures import Engine, Noise, Rain, Wind
from services.trainer.manifest import Kind, Split

SHARES: dict[Kind, float] = {"speech": 0.40, "music": 0.25, "sound": 0.25, "mix": 0.10}

_MUSIC: tuple[type[TimedRecipe], ...] = (Melody, Chords, DrumBeat)
_SOUNDS: tuple[type[TimedRecipe], ...] = (
    *(Beeps, Alarm, Siren, Chirps, PureTone, Knocks),
    *(Clicks, BellStrokes, Noise, Rain, Wind, Engine),
)
_BACKGROUNDS: tuple[type[TimedRecipe], ...] = (Noise, Rain, Wind)
_OPENINGS: tuple[type[TimedRecipe], ...] = (Melody, Knocks, DrumBeat, Beeps)
_MAX_OPENING_SECONDS = 2.0
_MIN_BACKGROUND_SECONDS = 5.0
_ATTEMPTS = 2_000

Draw = Callable[[np.random.Generator], Recipe]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedClip:
    """A clip that is to be made of its recipes."""

    kind: Kind
    split: Split
    recipes: tuple[Recipe, ...]
    layout: Literal["in turn", "at once"] = "in turn"


def plan(num_clips: int, *, seed: int, held_out: float) -> list[PlannedClip]:
    """Returns the clips of a corpus in their order: kinds mixed, each with its share in either split.

    Raises InvalidInput for a number or share out of range, and for more clips than there are different recipes.
    """
    if num_clips < 1:
        raise InvalidInput(f"{num_clips} clips are no corpus", "num_clips", "ask for at least one")
    if not 0 <= held_out < 1:
        raise InvalidInput(f"{held_out:g} is no share", "held_out", "give a number from 0 up to, but not including, 1")
    rng = np.random.default_rng(seed)
    clips: list[PlannedClip] = []
    used: set[Hashable] = set()
    of_kind = dict(zip(SHARES, apportion(num_clips, list(SHARES.values())), strict=True))
    for kind, count in of_kind.items():
        for index in range(count):
            recipes, layout = _new(kind, index, rng, used)
            clips.append(PlannedClip(kind=kind, split="train", recipes=recipes, layout=layout))
    left_to_hold_out = dict(zip(SHARES, apportion(round(num_clips * held_out), list(of_kind.values())), strict=True))
    for index in rng.permutation(num_clips):
        if left_to_hold_out[kind := clips[index].kind]:
            left_to_hold_out[kind] -= 1
            clips[index] = replace(clips[index], split="held_out")
    return [clips[index] for index in rng.permutation(num_clips)]


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Returns whole shares of `total` in proportion to `weights`, by largest remainder; earlier ones win ties."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: shares[index] - exact[index])
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def _new(
    kind: Kind, index: int, rng: np.random.Generator, used: set[Hashable]
) -> tuple[tuple[Recipe, ...], Literal["in turn", "at once"]]:
    """Draws recipes that share nothing with those `used`, and adds them there."""
    for attempt in range(_ATTEMPTS):
        # Families take turns; one that has run out of recipes leaves its turn to the next.
        recipes, layout = _drawn(kind, index + attempt, rng)
        parts = _parts(recipes)
        if not parts & used:
            used |= parts
            return recipes, layout
    raise InvalidInput(f"there are only {index} different clips of {kind}", "num_clips", "ask for fewer clips")


def _drawn(kind: Kind, turn: int, rng: np.random.Generator) -> tuple[tuple[Recipe, ...], Literal["in turn", "at once"]]:
    match kind:
        case "speech":
            return (Speech.draw(rng),), "in turn"
        case "music":
            return (_MUSIC[turn % len(_MUSIC)].draw(rng),), "in turn"
        case "sound":
            return (_SOUNDS[turn % len(_SOUNDS)].draw(rng),), "in turn"
        case "mix" if turn % 2:
            return (_background(turn // 2, rng), _brisk_speech(rng)), "at once"
        case "mix":
            return (_opening(turn // 2, rng), _brisk_speech(rng)), "in turn"


def _background(turn: int, rng: np.random.Generator) -> TimedRecipe:
    family = _BACKGROUNDS[turn % len(_BACKGROUNDS)]
    while True:
        drawn = family.draw(rng)
        if drawn.seconds >= _MIN_BACKGROUND_SECONDS and drawn.attributes()["Volume"] == "Low":
            return drawn


def _opening(turn: int, rng: np.random.Generator) -> TimedRecipe:
    family = _OPENINGS[turn % len(_OPENINGS)]
    while True:
        drawn = family.draw(rng)
        if drawn.seconds <= _MAX_OPENING_SECONDS:
            return drawn


def _brisk_speech(rng: np.random.Generator) -> Speech:
    """Speech that is short enough to stand beside another sound, and loud enough to be understood over it."""
    while True:
        drawn = Speech.draw(rng)
        if drawn.voice.pace != "Slow" and drawn.voice.volume != "Low":
            return drawn


def _parts(recipes: Iterable[Recipe]) -> set[Hashable]:
    """What no two clips may share: a sound's parameters, a sentence, a voice."""
    return {
        part
        for recipe in recipes
        for part in ((recipe.sentence, recipe.voice) if isinstance(recipe, Speech) else (recipe,))
    }
