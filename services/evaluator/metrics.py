"""The evaluator's metrics for Prometheus: `earwitness_evaluator_*`.

Runs report what they have counted some ten times a second, and all else is read when somebody scrapes: an item costs
nothing, a call one entry in a histogram. Names and units follow prometheus.io/docs/practices/naming.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from earwitness.runs import RunProgress, RunSpec, RunState
from services.evaluator.latency import Latency
from services.evaluator.run import Progress

if TYPE_CHECKING:
    from services.evaluator.service import Service

PREFIX = "earwitness_evaluator_"
MOST_NAMES = 50
"""Benchmarks with a series of their own; those that come later share one."""
OTHER = "other"
OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "failed", "withheld")
COUNTERS = {
    "items": ("Items settled, by what became of them.", ("setting", "benchmark", "outcome")),
    "answers_reused": ("Answers that were in the ledger already.", ("setting", "benchmark")),
    "retries": ("Calls that were repeated.", ("setting", "benchmark")),
    "tokens": ("Tokens that models read and wrote.", ("setting", "benchmark", "direction")),
    "captions": ("Captions that were paid for.", ("benchmark",)),
    "captions_reused": ("Items whose caption was there already.", ("benchmark",)),
    "audio_seconds": ("Sound that was sent to models, in seconds.", ("setting", "benchmark")),
}


@dataclass(kw_only=True, slots=True)
class Meter:
    """What one run under way has counted."""

    metrics: "Metrics"
    id: str
    setting: str
    benchmark: str
    services: "Mapping[str, Service[Any]]"
    progress: RunProgress = field(default_factory=RunProgress)
    _before: dict[tuple[str, ...], float] = field(default_factory=dict[tuple[str, ...], float])

    def advance(self, counted: Progress, progress: RunProgress) -> None:
        """Takes in what the run has counted since it began."""
        self.progress = progress
        now = self._flat(counted)
        for series, value in now.items():
            before = self._before.get(series, 0.0)
            self.metrics.add(series, max(value - before, 0.0))
            self._before[series] = max(value, before)

    def _flat(self, counted: Progress) -> dict[tuple[str, ...], float]:
        both, tally = (self.setting, self.benchmark), counted.tally
        values: dict[tuple[str, ...], float] = {
            **{("items", *both, outcome): getattr(tally, outcome) for outcome in OUTCOMES},
            ("answers_reused", *both): counted.reused,
            ("retries", *both): counted.retries,
            ("tokens", *both, "prompt"): counted.prompt_tokens,
            ("tokens", *both, "completion"): counted.completion_tokens,
            ("audio_seconds", *both): counted.audio_s,
        }
        if self.setting == "cascade":
            values["captions", self.benchmark] = counted.captions
            # A caption may be paid for before its item is settled: the difference only ever lags behind.
            values["captions_reused", self.benchmark] = counted.done - counted.failed - counted.captions
        return values


class Metrics(Collector):
    """All counts of one server, in a registry of its own. For one event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self.runs: Mapping[RunState, int] = {}
        """Of the ledger, by state."""
        self._meters: dict[str, Meter] = {}
        self._counts: dict[str, defaultdict[tuple[str, ...], float]] = {name: defaultdict(float) for name in COUNTERS}
        self._ended: dict[str, Latency] = {}
        """Durations of the calls of runs that have ended, by kind of service."""
        self._names: set[str] = set()

    @contextmanager
    def run(self, id: str, spec: RunSpec, services: "Mapping[str, Service[Any]]") -> Generator[Meter]:
        """Watches a run for as long as the block lasts; `services` fills as they are opened."""
        meter = Meter(
            metrics=self, id=id, setting=spec.setting, benchmark=self._bounded(spec.benchmark), services=services
        )
        self._meters[id] = meter
        try:
            yield meter
        finally:
            del self._meters[id]
            for kind, service in services.items():
                self._ended.setdefault(kind, Latency()).merge(service.latency)

    def add(self, series: tuple[str, ...], value: float) -> None:
        """Adds to a counter; a series is the counter's name and the values of its labels."""
        name, *labels = series
        self._counts[name][tuple(labels)] += value

    def describe(self) -> Iterator[Metric]:
        """Names no series, so that registering reads nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yields every metric as it stands."""
        for name, (words, labels) in COUNTERS.items():
            family = CounterMetricFamily(PREFIX + name, words, labels=labels)
            for values, count in sorted(self._counts[name].items()):
                family.add_metric(values, count)
            yield family
        yield from self._of_services()
        yield from self._of_runs()

    def _of_services(self) -> Iterator[Metric]:
        in_flight = GaugeMetricFamily(PREFIX + "calls_in_flight", "Calls under way.", labels=["kind"])
        limit = GaugeMetricFamily(PREFIX + "calls_limit", "Calls that may be under way at present.", labels=["kind"])
        waiting = GaugeMetricFamily(PREFIX + "calls_waiting", "Calls that wait for a place.", labels=["kind"])
        durations = {kind: Latency() for kind in ("llm", "captioner", "lalm")}
        for kind, latency in durations.items():
            if kind in self._ended:
                latency.merge(self._ended[kind])
            opened = [meter.services[kind] for meter in self._meters.values() if kind in meter.services]
            for service in opened:
                latency.merge(service.latency)
            in_flight.add_metric([kind], sum(service.limit.in_flight for service in opened))
            limit.add_metric([kind], sum(service.limit.value for service in opened))
            waiting.add_metric([kind], sum(service.limit.waiting for service in opened))
        yield from (in_flight, limit, waiting)
        words = "Time of a call that succeeded, in seconds."
        family = HistogramMetricFamily(PREFIX + "call_duration_seconds", words, labels=["kind"])
        for kind, latency in durations.items():
            family.add_metric([kind], latency.cumulative, latency.total_s)
        yield family

    def _of_runs(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(PREFIX + "runs", "Runs in the ledger.", labels=["state"])
        for state, number in self.runs.items():
            states.add_metric([state.value], number)
        yield states
        done = GaugeMetricFamily(PREFIX + "run_progress_ratio", "Share of a run's items settled.", labels=["run"])
        eta = GaugeMetricFamily(PREFIX + "run_eta_seconds", "Time until a run ends at its pace.", labels=["run"])
        for id, meter in self._meters.items():
            progress = meter.progress
            done.add_metric([id], progress.done / progress.total if progress.total else 0.0)
            if progress.eta_seconds is not None:
                eta.add_metric([id], progress.eta_seconds)
        yield from (done, eta)

    def _bounded(self, name: str) -> str:
        """Returns the name, or `other` for one that comes too late."""
        if len(self._names) < MOST_NAMES:
            self._names.add(name)
        return name if name in self._names else OTHER
