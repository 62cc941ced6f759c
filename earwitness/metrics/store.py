"""What one servicer has counted: plain numbers, written on its event loop, read by any thread.

It knows nothing of Prometheus and Ray: `earwitness.metrics.prometheus` and `.on_ray` read it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from earwitness import calls
from earwitness.metrics.declared import AUDIO_SECONDS, CACHE_LOOKUPS, CLIPS, DECLARED, TOKENS, Metric

MOST_CALLERS = 64
"""Callers with series of their own; those that come later share one."""
OTHER = "other"
Labels = tuple[str, ...]


class Histogram:
    """How many values fell in which bucket, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """The last is of values above every bound."""
        self.total = 0.0

    def add(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Metrics:
    """The counts of one servicer, and where to read the rest."""

    def __init__(self, service: str) -> None:
        """`service` is a short name, such as `llm`."""
        self.service = service
        self.model = ""
        self._counts: dict[str, defaultdict[Labels, float]] = {one.name: defaultdict(float) for one in DECLARED}
        self._histograms: dict[str, dict[Labels, Histogram]] = {one.name: {} for one in DECLARED}
        self._reads: dict[str, dict[Labels, list[Callable[[], float]]]] = {one.name: {} for one in DECLARED}
        self._callers: set[str] = set()

    def count(self, metric: Metric, value: float, *labels: str) -> None:
        """Adds to a counter; `labels` are the values of the metric's, in order."""
        self._counts[metric.name][labels] += value

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Adds a value to a histogram."""
        series = self._histograms[metric.name]
        histogram = series.get(labels)
        if histogram is None:
            histogram = series[labels] = Histogram(metric.buckets)
        histogram.add(value)

    def watch(self, metric: Metric, read: Callable[[], float], *labels: str) -> None:
        """Reads a gauge or a counter by calling `read` whenever somebody asks; several of one series are summed."""
        self._reads[metric.name].setdefault(labels, []).append(read)

    def generated(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Counts an answer of the current call."""
        caller = self.bounded(calls.current().caller)
        self.count(TOKENS, prompt_tokens, "prompt", caller)
        self.count(TOKENS, answer_tokens, "answer", caller)

    def heard(self, seconds: float) -> None:
        """Counts a clip of the current call. Each was looked for in the cache of decoded clips."""
        caller = self.bounded(calls.current().caller)
        self.count(CLIPS, 1, caller)
        self.count(AUDIO_SECONDS, seconds, caller)
        self.count(CACHE_LOOKUPS, 1, "clips")

    def bounded(self, caller: str) -> str:
        """Returns the caller as a label: its name, or `other` for one that comes too late."""
        if caller not in self._callers:
            if len(self._callers) >= MOST_CALLERS:
                return OTHER
            self._callers.add(caller)
        return caller

    @contextmanager
    def collecting(self) -> Generator[None]:
        """Makes these `current` while engines, batchers and queues are built, so that they report here."""
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)

    def declared(self) -> Iterator[Metric]:
        """Yields the metrics that this service has."""
        return (metric for metric in DECLARED if self.service in metric.services)

    def values(self, metric: Metric) -> Iterator[tuple[Labels, float]]:
        """Yields each series of a counter or gauge."""
        yield from list(self._counts[metric.name].items())  # a list, since the event loop goes on meanwhile
        for labels, reads in list(self._reads[metric.name].items()):
            yield labels, sum(read() for read in reads)

    def histograms(self, metric: Metric) -> Iterator[tuple[Labels, Histogram]]:
        """Yields each series of a histogram."""
        yield from list(self._histograms[metric.name].items())


_current: ContextVar[Metrics | None] = ContextVar("metrics", default=None)


def current() -> Metrics:
    """Returns the metrics of the servicer that is being built; outside of that, some that nobody reads."""
    return _current.get() or Metrics("")
