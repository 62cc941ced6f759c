"""The place of a number among those it stands with, as the paper shades its tables: the best is the darkest.

The place is printed beside the number as well, so that no meaning hangs on the colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """The place of a number, from 1, among `of` numbers; equal numbers share the best place of them."""

    place: int
    of: int
    shared: bool

    @property
    def shade(self) -> str:
        """From 0.00 for the last place to 1.00 for the first, for the style sheet."""
        return f"{1 - (self.place - 1) / (self.of - 1):.2f}" if self.of > 1 else "0.00"

    @property
    def label(self) -> str:
        """The place as printed: "1", or "1=" where it is shared; "" if there is nothing to be compared with."""
        return "" if self.of == 1 else f"{self.place}=" if self.shared else f"{self.place}"


def ranks(values: Sequence[float | None]) -> list[Rank | None]:
    """Returns the rank of each number, the highest first; None for what is None or NaN."""
    known = [value for value in values if value is not None and value == value]
    return [
        Rank(place=1 + sum(other > value for other in known), of=len(known), shared=known.count(value) > 1)
        if value is not None and value == value
        else None
        for value in values
    ]
