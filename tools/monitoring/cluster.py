"""The dashboard of what the services stand on: Ray Serve, Ray's nodes, and our own processes outside of Ray.

Ray's metrics go by Ray's names, which `known.RAY` traces to its source.
"""

from earwitness.metrics.declared import SERVICES
from tools.monitoring.panels import Dashboard, Panel, Query, Row, foreign, rate, total

APPLICATION = f'application=~"{"|".join(SERVICES)}"'
NODE = "{{ray_io_cluster}} {{ip}}"
RAY, GPU = "Ray", "Ray, and a GPU"
OURS = "earwitness_evaluator_runs|earwitness_trainer_steps_total|earwitness_(captioner|llm|lalm)_places"


def _serve(name: str, *labels: str) -> str:
    return total(foreign(f"ray_serve_{name}", APPLICATION), "application", "deployment", *labels)


def _serve_rate(name: str, *labels: str) -> str:
    return total(rate(foreign(f"ray_serve_{name}", APPLICATION)), "application", "deployment", *labels)


def _serve_latency(title: str, name: str, about: str = "", *, is_rare: bool = False) -> Panel:
    """Returns a panel of quantiles; of what is rare, over all that was ever seen, since a rate would show nothing."""
    selected = foreign(f"ray_serve_{name}_bucket", APPLICATION)
    buckets = total(selected if is_rare else rate(selected), "le", "application")
    return Panel(
        title=title,
        about=about,
        needs=RAY,
        unit="ms",
        queries=tuple(
            Query(expr=f"histogram_quantile({share}, {buckets})", legend=f"p{share * 100:g} {{{{application}}}}")
            for share in (0.5, 0.95, 0.99)
        ),
    )


def _node(title: str, unit: str, *queries: tuple[str, str], needs: str = RAY) -> Panel:
    made = tuple(Query(expr=foreign(f"ray_{name}"), legend=f"{NODE}{words}") for name, words in queries)
    return Panel(title=title, unit=unit, needs=needs, queries=made)


def _process(title: str, unit: str, expr: str) -> Panel:
    """Returns a panel of processes that show metrics of ours, not of whatever else there is in a cluster."""
    ours = f'on (instance) group by (instance) ({{__name__=~"{OURS}"}})'
    return Panel(title=title, unit=unit, queries=(Query(expr=f"{expr} and {ours}", legend="{{job}} {{instance}}"),))


SERVE = Row(
    title="Ray Serve",
    panels=(
        Panel(
            title="Replicas",
            about="Healthy ones, and those that the autoscaler wants.",
            needs=RAY,
            queries=(
                Query(expr=_serve("deployment_replica_healthy"), legend="{{application}}, healthy"),
                Query(expr=_serve("autoscaling_desired_replicas"), legend="{{application}}, wanted"),
            ),
        ),
        Panel(
            title="State of a deployment",
            about="1 could not be deployed, 2 unhealthy, 3 updating, 4 growing, 5 shrinking, 6 healthy; 0 unknown.",
            needs=RAY,
            unit="none",
            queries=(
                Query(
                    expr=f"min by (application, deployment) ({foreign('ray_serve_deployment_status', APPLICATION)})",
                    legend="{{application}}",
                ),
            ),
        ),
        Panel(
            title="Requests in replicas",
            needs=RAY,
            queries=(
                Query(expr=_serve("replica_processing_queries"), legend="{{application}}, under way"),
                Query(expr=_serve("autoscaling_total_requests"), legend="{{application}}, seen by the autoscaler"),
            ),
        ),
        Panel(
            title="Use of a replica's places",
            about="Ray's own measure, of max_ongoing_requests, in percent.",
            needs=RAY,
            unit="percent",
            queries=(
                Query(
                    expr=f"max by (application) ({foreign('ray_serve_replica_utilization_percent', APPLICATION)})",
                    legend="{{application}}, the busiest",
                ),
            ),
        ),
        Panel(
            title="Requests as Ray counts them",
            about="An RPC that ends with an error status that the servicer sets is none of Ray's errors.",
            needs=RAY,
            unit="reqps",
            queries=(
                Query(expr=_serve_rate("deployment_request_counter_total"), legend="{{application}}"),
                Query(expr=_serve_rate("deployment_error_counter_total"), legend="{{application}}, errors"),
            ),
        ),
        _serve_latency("Latency as Ray sees it", "deployment_processing_latency_ms"),
        _serve_latency(
            "Start of a replica", "replica_startup_latency_ms", "Of all so far, model and all.", is_rare=True
        ),
        Panel(
            title="Health checks that failed",
            needs="Ray, and a replica that fails",
            unit="ops",
            queries=(Query(expr=_serve_rate("health_check_failures_total"), legend="{{application}}"),),
        ),
        Panel(
            title="Ingress whose replicas are not Serve's",
            about="Above 0, HAProxy sends calls to replicas that are gone, or passes over some that are there.",
            needs=RAY,
            queries=(
                Query(expr=foreign("ray_serve_haproxy_target_mismatch"), legend="{{ray_io_cluster}} {{node_id}}"),
            ),
        ),
    ),
)
NODES = Row(
    title="Ray's nodes",
    panels=(
        _node("CPU", "percent", ("node_cpu_utilization", "")),
        _node("Memory", "bytes", ("node_mem_used", ", used"), ("node_mem_total", ", there")),
        _node("GPU", "percent", ("node_gpus_utilization", " GPU {{GpuIndex}}"), needs=GPU),
        _node("GPU memory in use", "mbytes", ("node_gram_used", " GPU {{GpuIndex}}"), needs=GPU),
    ),
)
PROCESSES = Row(
    title="Processes outside of Ray: evaluator, trainer, plain servers",
    panels=(
        _process("Resident memory", "bytes", foreign("process_resident_memory_bytes")),
        _process("Virtual memory", "bytes", foreign("process_virtual_memory_bytes")),
        _process("Cores in use", "none", rate(foreign("process_cpu_seconds_total"))),
        _process(
            "Files open, of those that may be",
            "percentunit",
            f"{foreign('process_open_fds')} / {foreign('process_max_fds')}",
        ),
        _process("Age", "s", f"time() - {foreign('process_start_time_seconds')}"),
    ),
)
DASHBOARD = Dashboard(
    name="cluster",
    title="Earwitness: cluster",
    about="Replicas and nodes of Ray, and the processes outside of it.",
    rows=(SERVE, NODES, PROCESSES),
)
