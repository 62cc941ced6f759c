"""Every metric that a dashboard or an alert may name: ours from the code that exports it, others' with their source."""

import re
from collections.abc import Mapping

from earwitness.metrics import declared
from services.evaluator import metrics as of_evaluator
from services.trainer import metrics as of_trainer

NAME = re.compile(r"(?<![:\w])(?:ray_(?:serve|node)_|earwitness_|process_|certmanager_)\w+")
NAMED = re.compile(r'__name__=~"[^"]*"')
ON_RAY = "(ray_)?"
ANY_SERVICE = f"({'|'.join(declared.SERVICES)})"
PARTS = ("_bucket", "_count", "_sum")
RAY: Mapping[str, str] = {
    "serve_deployment_replica_healthy": "serve/_private/deployment_state.py",
    "serve_health_check_failures_total": "serve/_private/deployment_state.py",
    "serve_replica_startup_latency_ms": "serve/_private/deployment_state.py",
    "serve_deployment_status": "serve/_private/deployment_state.py",
    "serve_autoscaling_desired_replicas": "serve/_private/autoscaling_state.py",
    "serve_autoscaling_total_requests": "serve/_private/autoscaling_state.py",
    "serve_replica_processing_queries": "serve/_private/replica.py",
    "serve_replica_utilization_percent": "serve/_private/replica.py",
    "serve_deployment_request_counter": "serve/_private/replica.py",
    "serve_deployment_error_counter": "serve/_private/replica.py",
    "serve_deployment_processing_latency_ms": "serve/_private/replica.py",
    "serve_haproxy_target_mismatch": "serve/_private/haproxy_metrics.py",
    "node_cpu_utilization": "dashboard/modules/reporter/reporter_agent.py",
    "node_mem_used": "dashboard/modules/reporter/reporter_agent.py",
    "node_mem_total": "dashboard/modules/reporter/reporter_agent.py",
    "node_gpus_utilization": "dashboard/modules/reporter/reporter_agent.py",
    "node_gram_used": "dashboard/modules/reporter/reporter_agent.py",
}
"""Names as Ray declares them, with the file of the package `ray` that does. It puts `ray_` before each, and `_total`
after a counter's (util/metrics.py)."""
PROCESS = (
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
)
"""What prometheus_client's ProcessCollector exports."""
OTHERS = ("up", "certmanager_certificate_expiration_timestamp_seconds")
"""Prometheus' own, and cert-manager's (cert-manager.io/docs/devops-tips/prometheus-metrics)."""


def ours() -> set[str]:
    """Returns the metrics that our code exports, a histogram by its name alone."""
    evaluator = of_evaluator.Metrics()
    evaluator_names = {_full(family.name, family.type) for family in evaluator.collect()}
    trainer_names = {_full(of_trainer.PREFIX + name, kind) for name, (kind, _) in of_trainer.METRICS.items()}
    return {*declared.names(), *evaluator_names, *trainer_names, *PROCESS}


def labels() -> dict[str, set[str]]:
    """Returns the labels of each metric of ours whose labels the code declares."""
    services = {name: {declared.MODEL, *metric.labels} for name, metric in declared.names().items()}
    evaluator = {f"{of_evaluator.PREFIX}{name}_total": set(each) for name, (_, each) in of_evaluator.COUNTERS.items()}
    return services | evaluator


def selectors(expr: str) -> list[tuple[str, str]]:
    """Returns the name, or the pattern of names, and the matchers of each selector in an expression."""
    found = re.findall(r'(\w*)\{((?:[^{}"]|"[^"]*")*)\}', expr.replace("${service}", ANY_SERVICE))
    return [(name or (NAMED.search(inside) or [""])[0], inside) for name, inside in found]


def foreign() -> set[str]:
    """Returns the metrics of others, a counter of Ray's by both names."""
    return {f"ray_{name}{suffix}" for name in RAY for suffix in ("", "_total")} | set(OTHERS)


def named(expr: str) -> set[str]:
    """Returns the metrics that an expression names, for every service where it names none, histograms without parts."""
    whole = expr.replace(ON_RAY, "")
    for services in ("${service}", ANY_SERVICE):
        if services in whole:
            names = set[str]().union(*(named(whole.replace(services, one)) for one in declared.SERVICES))
            return names & ours() or names  # not every service hears, or speaks in tokens
    found = set(NAME.findall(whole)) | ({"up"} if re.search(r"\bup\b", whole) else set())
    return {_without_part(name) for name in found}


def _full(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def _without_part(name: str) -> str:
    for part in PARTS:
        if name.removesuffix(part) in _histograms():
            return name.removesuffix(part)
    return name


def _histograms() -> set[str]:
    ours = {name for name, metric in declared.names().items() if metric.kind == "histogram"}
    return ours | {f"{of_evaluator.PREFIX}call_duration_seconds"} | {f"ray_{n}" for n in RAY if n.endswith("_ms")}
