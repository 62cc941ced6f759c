"""The metrics of a replica, handed to `ray.serve.metrics`, which Ray exports on the metrics port of the replica's node.

A thread does so every second: an entry costs Ray several microseconds, for which no call should wait. Gauges are
set each time, changed or not, since Ray 2.60 drops one that was not set for two of its export intervals. Ray keeps a
histogram's buckets and makes up its sum from their middles, so middles are what it is given.
"""

import logging
import threading
import time
from typing import Any

from earwitness.metrics.declared import MODEL, Metric
from earwitness.metrics.store import Labels, Metrics

log = logging.getLogger(__name__)
EVERY_S = 1.0


def export(metrics: Metrics) -> None:
    """Begins to export from this replica."""
    threading.Thread(target=Exporter(metrics).run, name="metrics", daemon=True).start()


class Exporter:
    """Tells Ray what has changed since it was told last."""

    def __init__(self, metrics: Metrics) -> None:
        """Declares every metric of the service to Ray."""
        self._metrics = metrics
        self._told: dict[tuple[str, Labels], float] = {}
        self._told_buckets: dict[tuple[str, Labels], list[int]] = {}
        self._of_ray: dict[str, Any] = {metric.name: self._made(metric) for metric in metrics.declared()}

    def run(self) -> None:
        """Pushes for as long as the process lives."""
        while True:
            time.sleep(EVERY_S)
            try:
                self.push()
            except Exception:
                log.exception("metrics were not exported")

    def push(self) -> None:
        """Pushes once."""
        for metric in self._metrics.declared():
            if metric.kind == "histogram":
                self._push_histogram(metric)
            else:
                self._push_values(metric)

    def _made(self, metric: Metric) -> Any:
        from ray.serve import metrics as of_ray

        labels: Any = (MODEL, *metric.labels)  # which Ray annotates as a tuple of one
        name = metric.of(self._metrics.service)
        if metric.kind == "histogram":
            return of_ray.Histogram(name, metric.help, list(metric.buckets), labels)
        return (of_ray.Counter if metric.kind == "counter" else of_ray.Gauge)(name, metric.help, labels)

    def _push_values(self, metric: Metric) -> None:
        of_ray = self._of_ray[metric.name]
        for labels, value in self._metrics.values(metric):
            if metric.kind == "gauge":
                of_ray.set(value, self._tags(metric, labels))
                continue
            growth = value - self._told.get((metric.name, labels), 0.0)
            if growth > 0:
                of_ray.inc(growth, self._tags(metric, labels))
                self._told[metric.name, labels] = value

    def _push_histogram(self, metric: Metric) -> None:
        of_ray, bounds = self._of_ray[metric.name], metric.buckets
        middles = [(low + high) / 2 for low, high in zip((0.0, *bounds), bounds, strict=False)] + [2 * bounds[-1]]
        for labels, found in self._metrics.histograms(metric):
            counts, tags = found.counts.copy(), self._tags(metric, labels)
            told = self._told_buckets.get((metric.name, labels), [0] * len(counts))
            for middle, count, before in zip(middles, counts, told, strict=True):
                for _ in range(count - before):
                    of_ray.observe(middle, tags)
            self._told_buckets[metric.name, labels] = counts

    def _tags(self, metric: Metric, labels: Labels) -> dict[str, str]:
        return {MODEL: self._metrics.model, **dict(zip(metric.labels, labels, strict=True))}
