"""What a sweep spends as it goes, what it may spend, and the brake that stops it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earwitness.errors import InvalidInput
from services.evaluator.cost import HOUR_S, Cost, Prices, Spent
from services.evaluator.sweep.cells import Cell, Lattice
from services.evaluator.sweep.estimate import CAPTION_TOKENS, Estimate

if TYPE_CHECKING:
    from services.evaluator.run import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one start of a sweep may take; None is no limit."""

    max_usd: float | None = None
    max_hours: float | None = None


class Brake:
    """Stops a sweep. The first reason counts."""

    def __init__(self) -> None:
        self.reason = ""
        self.event = asyncio.Event()
        """For a session's `stop`."""

    def pull(self, reason: str) -> None:
        """Stops the sweep once what is in flight has come back."""
        if not self.reason:
            self.reason = reason
            self.event.set()


@dataclass(kw_only=True, slots=True)
class Meter:
    """Counts one start's dollars and hours against its limits, and pulls the brake."""

    lattice: Lattice
    limits: Limits
    estimates: Mapping[Cell, Estimate]
    prices: Prices
    brake: Brake
    spent: Cost = field(default_factory=Cost)
    """By the cells that are over."""
    began: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raises InvalidInput for a limit in dollars where a price is missing: it could not be kept."""
        payers = {payer for cell in self.lattice.cells for payer in (cell.backbone, cell.captioner) if payer}
        unpriced = sorted(payer.name for payer in payers if self.prices.of(payer) is None)
        if self.limits.max_usd is not None and unpriced:
            remedy = "give each a `price` in the sweep file, and the price itself in a file with --prices"
            raise InvalidInput(f"cannot be kept without the price of {', '.join(unpriced)}", "--max-cost", remedy)

    def look_ahead(self, cell: Cell) -> None:
        """Pulls the brake before a cell that the limits do not allow.

        An hour that is only assumed stops nothing: the cell may begin, and is stopped when the time is over.
        """
        ahead, title = self.estimates[cell], f"{cell.backbone.name} {self.lattice.title(cell)}"
        if self.limits.max_usd is not None:
            cost, left = ahead.cost.usd or 0.0, max(self.limits.max_usd - (self.spent.usd or 0.0), 0.0)
            if cost > left:
                self.brake.pull(f"{title} will cost about ${cost:.2f}, and ${left:.2f} of --max-cost are left")
        if self.limits.max_hours is not None and ahead.measured:
            hours, left = ahead.wall_s / HOUR_S, self.limits.max_hours - (time.monotonic() - self.began) / HOUR_S
            if hours > left:
                self.brake.pull(
                    f"{title} will take about {hours:.2f} h, and {max(left, 0):.2f} of --max-hours are left"
                )

    def cost(self, cell: Cell, progress: "Progress", seconds: float) -> Cost:
        """Returns what a cell has cost so far, and pulls the brake when the money is spent.

        Tokens are counted; audio and captions, which a run's progress does not tell, go by the share that is done.
        """
        ahead = self.estimates[cell]
        share = min((progress.done - progress.reused) / ahead.asks, 1.0) if ahead.asks else 0.0
        captions = round(ahead.captions * share)
        so_far = Spent(
            prompt_tokens=progress.prompt_tokens,
            completion_tokens=progress.completion_tokens,
            audio_s=(ahead.audio_s or 0.0) * share,
            wall_s=seconds,
            captions=captions,
            caption_tokens=captions * CAPTION_TOKENS,
        )
        cost = self.prices.cost(so_far, cell.backbone, cell.captioner)
        if self.limits.max_usd is not None and ((self.spent + cost).usd or 0.0) >= self.limits.max_usd:
            self.brake.pull(f"${self.limits.max_usd:.2f} are spent (--max-cost)")
        return cost
