"""The Recipe: the parameters of a sound, which render to samples and which state what is true of them.

A recipe's fields are all that distinguishes it: two equal recipes sound the same, and their attributes read the same.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
"""Of shape `(samples,)` at 16 kHz, in [-1, 1]."""
Volume = Literal["Low", "Normal", "High"]
Choice = TypeVar("Choice")


class Recipe(ABC):
    """A sound as its parameters."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Returns a recipe with parameters drawn at random."""

    @property
    def transcript(self) -> str:
        """The words that are spoken; "" unless it is speech."""
        return ""

    @abstractmethod
    def attributes(self) -> dict[str, str]:
        """Returns what is true of the sound, its duration aside, in the order of a description."""

    @abstractmethod
    def render(self) -> Samples:
        """Returns the sound; equal recipes give equal samples."""


class TimedRecipe(Recipe):
    """A recipe that knows how long it lasts before it is rendered."""

    __slots__ = ()

    @property
    @abstractmethod
    def seconds(self) -> float:
        """How long the rendered sound lasts."""


def pick(rng: np.random.Generator, options: Sequence[Choice]) -> Choice:
    """Returns one of the options, each as likely."""
    return options[int(rng.integers(len(options)))]


def noise_source(recipe: Recipe) -> np.random.Generator:
    """Returns the generator of a recipe's noise, which depends on nothing but its fields."""
    return np.random.default_rng(zlib.crc32(repr(recipe).encode()))
