"""What a dashboard is made of, and the PromQL that its panels share.

A query is written for both names of a metric: Ray puts `ray_` before those of its replicas. `$namespace` and the other
words with a dollar are Grafana's variables; every dashboard has `$namespace`, and its "All" takes what is outside of
Kubernetes, too. It knows nothing of Grafana's JSON.
"""

from collections.abc import Iterator
from dataclasses import dataclass

EVERYWHERE = 'namespace=~"$namespace"'
FAULTS = "INTERNAL|UNKNOWN|UNAVAILABLE|DEADLINE_EXCEEDED"
"""gRPC codes of calls that failed by no fault of the caller's."""
CHORES = "Check|List|Watch|GetModelInfo|ServerReflectionInfo"
"""Methods that ask no model: beside a probe every few seconds, no latency and no share of failures would mean much."""
AT_WORK = f'rpc!~"{CHORES}"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One expression; `legend` names each of its series, by labels in `{{}}`."""

    expr: str
    legend: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Lines over time."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    """Grafana's name of it: `s`, `bytes`, `percentunit`, `ops` for "a second", ..."""
    about: str = ""
    """What a reader may have to know."""
    needs: str = ""
    """Where it stays empty otherwise."""
    is_stacked: bool = False
    is_logarithmic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A choice above the panels: of fixed `options`, one at a time, or of the values of a label, any number."""

    name: str
    options: tuple[str, ...] = ()
    label: str = ""
    of: str = ""
    """The series whose label it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """One page; `name` is its file's and, after `earwitness-`, its address in Grafana."""

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()

    def panels(self) -> Iterator[Panel]:
        """Yields the panels of every row."""
        for row in self.rows:
            yield from row.panels


def series(name: str, *matchers: str) -> str:
    """Selects a metric of ours by its full name, on Ray or not."""
    return f'{{__name__=~"(ray_)?{name}", {", ".join((EVERYWHERE, *matchers))}}}'


def foreign(name: str, *matchers: str) -> str:
    """Selects a metric that another exports."""
    return f"{name}{{{', '.join((EVERYWHERE, *matchers))}}}"


def rate(selected: str) -> str:
    """Returns the growth of counters a second."""
    return f"rate({selected}[$__rate_interval])"


def total(expr: str, *labels: str) -> str:
    """Sums by labels."""
    return f"sum by ({', '.join(labels)}) ({expr})" if labels else f"sum({expr})"


def quantile(share: float, name: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Returns a quantile of a histogram of ours; Ray makes up the sums of histograms, so that no mean is taken."""
    buckets = rate(series(f"{name}_bucket", *matchers))
    return f"histogram_quantile({share:g}, {total(buckets, 'le', *by)})"


def quantiles(name: str, *matchers: str, by: tuple[str, ...] = (), legend: str = "") -> tuple[Query, ...]:
    """Returns the queries of p50, p95 and p99."""
    return tuple(
        Query(expr=quantile(share, name, *matchers, by=by), legend=f"p{share * 100:g} {legend}".strip())
        for share in (0.5, 0.95, 0.99)
    )
