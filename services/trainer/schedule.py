"""The learning rate of every step, and what makes a step a bad one."""

import math
from collections import deque
from collections.abc import Iterable
from statistics import median

from services.trainer.config import TrainConfig
from services.trainer.curve import Point

WINDOW = 50
"""Losses that a spike is told by."""
FEWEST = 10
"""Losses without which none is."""
MOST_SKIPPED = 10
"""Bad steps one after another at which a run ends even where they are skipped: it no longer learns."""


def learning_rate(config: TrainConfig, step: int) -> float:
    """Returns the rate of a step, counted from 1: a linear warm-up, then a cosine to zero at the last step."""
    if step <= config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))


class Judge:
    """Says which steps are bad. The steps before decide alone: a run that goes on judges as one that never stopped."""

    def __init__(self, spike_factor: float) -> None:
        self._factor = spike_factor
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self.skipped = 0
        """Bad steps since the last good one."""

    def recall(self, points: Iterable[Point]) -> None:
        """Takes in the steps before, oldest first."""
        for point in points:
            if point.step and not point.skipped and point.loss is not None:
                self._losses.append(point.loss)
            self.skipped = self.skipped + 1 if point.skipped else 0

    def fault(self, loss: float, gradient_norm: float) -> str:
        """Returns what is wrong with a step, "" for a good one, whose loss it remembers."""
        found = self._fault(loss, gradient_norm)
        if found:
            self.skipped += 1
        else:
            self.skipped = 0
            self._losses.append(loss)
        return found

    def _fault(self, loss: float, gradient_norm: float) -> str:
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient's norm is {gradient_norm}"
        if self._factor and len(self._losses) >= FEWEST and loss > self._factor * (usual := median(self._losses)):
            return f"the loss is {loss:.3g}, a spike over a median of {usual:.3g}"
        return ""
