"""A servicer as a Ray Serve application, and what it does in a replica that it does nowhere else."""

import os
import sys
from typing import TYPE_CHECKING, Any

from earwitness import logs
from earwitness.metrics import Metrics, on_ray

if TYPE_CHECKING:
    from ray.serve import Application

    from earwitness.servicer import ModelServicer

MARGIN = 64
"""How far Ray's own limit lies above ours: our refusal says when to try again, Ray's does not."""


def application(servicer: "type[ModelServicer]", config: Any, *, max_in_flight: int, threads: int = 0) -> "Application":
    """Returns the application that serves `servicer(config)`; its one deployment is named after the servicer.

    Ray gives a replica one OpenMP thread unless told otherwise; `threads` is what the model may use, 0 every core.
    """
    from ray import serve
    from ray.serve.schema import LoggingConfig

    format = logs.wanted()  # None leaves it to the Serve configuration
    cores = threads or len(os.sched_getaffinity(0))
    deployment: Any = serve.deployment(
        servicer,
        max_ongoing_requests=max_in_flight + MARGIN,
        health_check_timeout_s=60,
        graceful_shutdown_timeout_s=10,
        max_constructor_retry_count=1,
        logging_config=LoggingConfig(encoding=format.upper(), enable_access_log=False) if format else None,
        ray_actor_options={"num_cpus": 0, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(cores)}}},
    )
    return deployment.bind(config)


def observe(metrics: Metrics) -> None:
    """Makes Ray export the metrics and write the log, if this process is a replica of Ray Serve; else does nothing."""
    if "ray" not in sys.modules:
        return
    from ray import serve
    from ray.serve.exceptions import RayServeException

    try:
        own = serve.get_replica_context()
    except RayServeException:
        return
    logs.join_ray({"application": own.app_name, "deployment": own.deployment, "replica": own.replica_tag})
    on_ray.export(metrics)
