"""The metrics of a plain server as a page for Prometheus, served from a thread: a busy event loop delays no scrape."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from earwitness.errors import NotReady
from earwitness.metrics.declared import MODEL, Metric
from earwitness.metrics.store import Metrics


class Page(Collector):
    """What a servicer has counted, in Prometheus' terms."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterator[Family]:
        """Names no series, so that registering reads nothing."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        """Yields every metric of the service as it stands."""
        for metric in self._metrics.declared():
            yield self._histogram(metric) if metric.kind == "histogram" else self._values(metric)

    def _values(self, metric: Metric) -> Family:
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = kind(metric.of(self._metrics.service), metric.help, labels=(MODEL, *metric.labels))
        for labels, value in self._metrics.values(metric):
            family.add_metric((self._metrics.model, *labels), value)
        return family

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.of(self._metrics.service), metric.help, labels=(MODEL, *metric.labels))
        bounds = [floatToGoString(bound) for bound in (*metric.buckets, float("inf"))]
        for labels, found in self._metrics.histograms(metric):
            buckets = list(zip(bounds, map(float, accumulate(found.counts)), strict=True))
            family.add_metric((self._metrics.model, *labels), buckets, found.total)
        return family


def registry(metrics: Metrics) -> CollectorRegistry:
    """Returns a registry of the servicer's metrics and the process's own."""
    made = CollectorRegistry()
    made.register(Page(metrics))
    ProcessCollector(registry=made)
    return made


def serve(metrics: Metrics, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serves `/metrics` on `host:port`, or on a free port for 0; returns the port, and what ends it.

    Raises NotReady where the port is taken.
    """
    try:
        server, thread = start_http_server(port, host, registry(metrics))
    except OSError:
        raise NotReady("the port is taken, or the address is not this machine's", f"{host}:{port}") from None

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop
