"""What cells will take, before anything is asked: calls, tokens, dollars and hours, each with what it rests on.

Tokens are counted as characters / 4, a rule of thumb that vendors give too (for Gemini:
https://firebase.google.com/docs/ai-logic/count-tokens). Rates are measured ones where a folder has them, else the sweep
file's assumption. Long benchmarks are judged by an even sample of their items.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TypeVar

from services.evaluator.cost import Cost, Prices, Spent
from services.evaluator.items import Item, Setting
from services.evaluator.prompts import caption_prompt, template
from services.evaluator.sweep.cells import Cell, Lattice

CHARACTERS_PER_TOKEN = 4
CAPTION_TOKENS = 120
"""Assumed of a caption: a short paragraph."""
LOOKED_AT = 256
"""Items by which a benchmark is judged."""
Rates = Mapping[tuple[str, Setting], float]
"""Items per second that a backbone was measured at in a setting, by its name."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What one cell takes."""

    items: int
    known: int = 0
    """Answers that are in the ledger already, as far as that is known."""
    asks: int = 0
    """Calls for answers."""
    captions: int = 0
    """Calls for captions that no earlier cell has made."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Expected: an option's letter and text; with thinking, the most there can be."""
    most_completion_tokens: int = 0
    audio_s: float | None = 0.0
    """Seconds of audio that are sent; None where no clip could be looked at."""
    wall_s: float = 0.0
    measured: bool = False
    """Whether the rate behind `wall_s` was measured."""
    cost: Cost = field(default_factory=Cost)
    most_cost: Cost = field(default_factory=Cost)


def estimate(
    lattice: Lattice,
    prices: Prices,
    known: Callable[[Cell], int | None] = lambda cell: None,
    rates: Rates | None = None,
) -> dict[Cell, Estimate]:
    """Returns what each cell takes, in the order of the cells.

    `known` says how many of a cell's answers are in the ledger, None where nobody looked. A caption counts once for its
    clip, captioner and prompt (and question, if the prompt is aware of it), in the first cell that needs it.

    Raises NotFound for a price that does not exist.
    """
    benchmarks = {name: Outline.of(each.items) for name, each in lattice.benchmarks.items()}
    captions = _Captions(lattice)
    estimates: dict[Cell, Estimate] = {}
    for cell in lattice.cells:
        outline = benchmarks[cell.benchmark]
        asks = max(outline.items - (known(cell) or 0), 0)
        calls = asks, min(captions.new(cell), asks)
        rate = (rates or {}).get((cell.backbone.name, cell.setting))
        estimates[cell] = _estimate(lattice, cell, outline, calls, prices, rate)
    return estimates


def total(estimates: Sequence[Estimate]) -> Estimate:
    """Adds up; what is unknown in one is unknown in the sum."""
    seconds = [each.audio_s for each in estimates if each.audio_s is not None]
    return Estimate(
        items=sum(each.items for each in estimates),
        known=sum(each.known for each in estimates),
        asks=sum(each.asks for each in estimates),
        captions=sum(each.captions for each in estimates),
        prompt_tokens=sum(each.prompt_tokens for each in estimates),
        completion_tokens=sum(each.completion_tokens for each in estimates),
        most_completion_tokens=sum(each.most_completion_tokens for each in estimates),
        audio_s=sum(seconds) if len(seconds) == len(estimates) else None,
        wall_s=sum(each.wall_s for each in estimates),
        measured=all(each.measured for each in estimates),
        cost=sum((each.cost for each in estimates), Cost()),
        most_cost=sum((each.most_cost for each in estimates), Cost()),
    )


def tokens(text: str) -> int:
    """Returns about how many tokens a text is."""
    return ceil(len(text) / CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """What an estimate needs to know of a benchmark."""

    items: int
    sample: tuple[Item, ...]
    clip_s: float | None
    """Mean length of a clip; None where there is none, or none could be read."""

    @classmethod
    def of(cls, items: Sequence[Item]) -> "Outline":
        """Looks at a sample of the items, and into the headers of their clips."""
        sample = tuple(_evenly(items))
        lengths = [length for item in sample if item.audio and (length := _seconds(item.audio)) is not None]
        return cls(
            items=len(items),
            sample=sample,
            clip_s=sum(lengths) / len(lengths) if lengths else None,
        )


class _Captions:
    """Which captions the cells so far have made, as hashes of what each depends on."""

    def __init__(self, lattice: Lattice) -> None:
        self._lattice = lattice
        self._wanted: dict[tuple[str, bool], frozenset[int]] = {}
        self._made: dict[tuple[str, str], set[int]] = {}

    def new(self, cell: Cell) -> int:
        """Returns how many a cell adds to them."""
        if cell.captioner is None:
            return 0
        place = cell.benchmark, caption_prompt(cell.caption_prompt).is_aware
        if place not in self._wanted:
            items = self._lattice.benchmarks[cell.benchmark].items
            self._wanted[place] = frozenset(
                hash((item.audio, item.question if place[1] else "")) for item in items if item.audio
            )
        made = self._made.setdefault((cell.captioner.name, cell.caption_prompt), set())
        before = len(made)
        made |= self._wanted[place]
        return len(made) - before


def _estimate(
    lattice: Lattice, cell: Cell, outline: Outline, calls: tuple[int, int], prices: Prices, rate: float | None
) -> Estimate:
    asks, captions = calls
    prompt = round(asks * _mean(outline.sample, lambda item: _prompt_tokens(item, cell)))
    most = asks * lattice.sweep.sampling.max_tokens if cell.answering == "generate" else 0
    expected = most
    if not cell.backbone.thinking:
        expected = min(most, round(asks * _mean(outline.sample, _answer_tokens)))
    heard = captions if cell.captioner else asks if cell.setting == "audio" and cell.control != "blind" else 0
    audio_s = 0.0 if not heard else None if outline.clip_s is None else heard * outline.clip_s
    wall_s = asks / (rate or cell.backbone.items_per_s)
    if cell.captioner and rate is None:
        wall_s = max(wall_s, captions / cell.captioner.items_per_s)  # captioning and answering overlap
    costs = [
        prices.cost(
            Spent(
                prompt_tokens=prompt,
                completion_tokens=completion,
                audio_s=audio_s or 0.0,
                wall_s=wall_s,
                captions=captions,
                caption_tokens=captions * CAPTION_TOKENS,
            ),
            cell.backbone,
            cell.captioner,
        )
        for completion in (expected, most)
    ]
    return Estimate(
        items=outline.items,
        known=outline.items - asks,
        asks=asks,
        captions=captions,
        prompt_tokens=prompt,
        completion_tokens=expected,
        most_completion_tokens=most,
        audio_s=audio_s,
        wall_s=wall_s,
        measured=rate is not None,
        cost=costs[0],
        most_cost=costs[1],
    )


def _prompt_tokens(item: Item, cell: Cell) -> int:
    turns = template(cell.prompt).render(item, cell.setting)
    caption = CAPTION_TOKENS if cell.captioner else 0
    return sum(tokens(turn.content) for turn in turns) + caption


def _answer_tokens(item: Item) -> float:
    """Of "(A) " and an option, at the mean length of the item's options."""
    return 1 + _mean(item.choices, lambda choice: tokens(f"(A) {choice}"))


def _mean(values: Sequence[T], measure: Callable[[T], float]) -> float:
    return sum(measure(value) for value in values) / len(values) if values else 0.0


def _evenly(values: Sequence[T]) -> Iterator[T]:
    """Yields at most `LOOKED_AT` of the values, evenly spread."""
    number = min(len(values), LOOKED_AT)
    return (values[at * len(values) // number] for at in range(number))


def _seconds(path: Path) -> float | None:
    """Returns a clip's length by its header, None for what cannot be read: the run will say so item by item."""
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (RuntimeError, OSError):
        return None
