"""Which examples each step learns from: new every epoch, of like length, and known for any step without a replay.

A batch is cut into passes, and the passes go round the workers. Neither depends on the number of workers, so the same
run may be shared out among any number of them, and a run that goes on needs its step alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where in the data a step stands."""

    epoch: int
    """From 0."""
    batch: int
    """Of the epoch, from 0."""


class Batches:
    """The batches of every step, the same for the same lengths and settings."""

    def __init__(
        self, lengths: Sequence[int], *, batch_size: int, micro_batch_size: int, seed: int, bucket_batches: int
    ) -> None:
        """Takes the length of each example, in tokens or in whatever grows with them."""
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._size = min(batch_size, len(self._lengths))
        self._passes = max(1, min(-(-batch_size // micro_batch_size), self._size))
        self._seed = seed
        self.per_epoch = len(self._lengths) // self._size if self._size else 0
        # One bucket of a small corpus would hold all of it, and every epoch have the same batches. The quarter is that
        # of transformers' LengthGroupedSampler.
        self._bucket = max(1, min(bucket_batches, self.per_epoch // 4))
        # Two epochs: the next step may be looked at while this one is under way.
        self._epoch = lru_cache(2)(self._draw)

    def position(self, step: int) -> Position:
        """Returns where a step, counted from 1, stands."""
        epoch, batch = divmod(step - 1, self.per_epoch)
        return Position(epoch=epoch, batch=batch)

    def passes(self, step: int) -> list[list[int]]:
        """Returns the indices of the examples of a step, pass by pass; within a step passes go from short to long.

        There are as many passes in every step, and none is empty.
        """
        place = self.position(step)
        batch = self._epoch(place.epoch)[place.batch]
        return [part.tolist() for part in np.array_split(batch, self._passes)]

    def _draw(self, epoch: int) -> NDArray[np.int64]:
        """Returns an epoch's batches as rows: a permutation, sorted by length within each bucket, batches shuffled."""
        generator = np.random.default_rng((self._seed, epoch))
        drawn = generator.permutation(len(self._lengths))[: self.per_epoch * self._size]
        width = self._bucket * self._size
        buckets = [drawn[start : start + width] for start in range(0, len(drawn), width)]
        ordered = [bucket[np.argsort(self._lengths[bucket], kind="stable")] for bucket in buckets]
        rows = np.concatenate(ordered).reshape(self.per_epoch, self._size)
        return rows[generator.permutation(self.per_epoch)]
