"""The instruction pool: what is asked about a clip, by kind. It is data with a version, in `instructions.yaml`.

A file of the same form may take its place. The module knows neither models nor how an answer is judged.
"""

import functools
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from earwitness.errors import InvalidInput, NotFound

FILE = Path(__file__).with_name("instructions.yaml")
CHOICES = "{choices}"
SPEECH = "speech"
"""What an instruction needs of a clip in which somebody has to speak; all else that is needed is an attribute."""
OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """One thing that can be asked."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    choices: tuple[str, ...] = ()
    """Stand shuffled in the place of `{choices}`."""
    needs: str = ""
    """An attribute that must be known of the clip, or "speech"; "" suits every clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Instructions of one kind, each as likely."""

    weight: Annotated[float, msgspec.Meta(gt=0)]
    """How likely the kind is, beside the other kinds'."""
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """An instruction as it is put to a model."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The instructions by kind."""

    version: int
    """Every draw depends on it."""
    kinds: Mapping[str, Kind]

    def draw(self, key: str, known: Iterable[str], count: int, seed: int) -> list[Asked]:
        """Returns up to `count` different instructions that suit a clip of which `known` is known.

        The same key, knowledge and seed draw the same, whatever is drawn for other clips; a smaller count draws the
        beginning.
        """
        # Of `random`, only `random()` gives the same numbers in every version of Python.
        source = random.Random(f"{self.version}:{seed}:{key}")
        known = {"", *known}
        left = {name: [each for each in kind.instructions if each.needs in known] for name, kind in self.kinds.items()}
        drawn: list[Asked] = []
        while len(drawn) < count and (names := sorted(name for name in left if left[name])):
            name = _weighted(source, names, [self.kinds[name].weight for name in names])
            instruction = left[name].pop(int(source.random() * len(left[name])))
            choices = sorted(instruction.choices, key=lambda _: source.random())
            drawn.append(Asked(kind=name, text=instruction.text.replace(CHOICES, ", ".join(choices))))
        return drawn

    def kind_of(self, prompt: str) -> str:
        """Returns the kind of a prompt that was drawn from this pool, "other" of any other prompt."""
        return next((kind for kind, pattern in self._patterns() if pattern.fullmatch(prompt)), OTHER)

    def _patterns(self) -> list[tuple[str, re.Pattern[str]]]:
        return [
            (name, _pattern(instruction.text)) for name, kind in self.kinds.items() for instruction in kind.instructions
        ]


def read(file: Path) -> Pool:
    """Returns the pool of a YAML file.

    Raises NotFound for a missing file, and InvalidInput, with the key, for one of another form, for a weight of
    nothing, and for an instruction whose choices have no place or whose place has no choices.
    """
    import yaml

    try:
        tree: object = yaml.safe_load(file.read_text())
        pool = msgspec.convert(tree, Pool)
    except FileNotFoundError:
        raise NotFound(
            "there is no such instruction pool", str(file), "leave --pool away for the bundled one"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        said = " ".join(str(error).split())
        raise InvalidInput(f"is no instruction pool: {said}", str(file), f"follow {FILE.name}") from None
    for name, kind in pool.kinds.items():
        for instruction in kind.instructions:
            if (CHOICES in instruction.text) != bool(instruction.choices):
                text = f"{instruction.text!r} needs both a {CHOICES} and choices, or neither"
                raise InvalidInput(text, f"{file.name}: kinds.{name}", "list the choices, or drop their place")
    if not any(kind.instructions for kind in pool.kinds.values()):
        raise InvalidInput("holds no instruction", f"{file.name}: kinds", f"follow {FILE.name}")
    return pool


@functools.cache
def pool() -> Pool:
    """Returns the pool that comes with the trainer."""
    return read(FILE)


@functools.lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(re.escape(CHOICES), ".+"))


def _weighted(source: random.Random, names: list[str], weights: list[float]) -> str:
    at = source.random() * sum(weights)
    for name, weight in zip(names, weights, strict=True):
        at -= weight
        if at < 0:
            return name
    return names[-1]
