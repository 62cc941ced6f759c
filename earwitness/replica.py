"""A servicer as a Ray Serve application."""

import os
from typing import TYPE_CHECKING, Any

from earwitness.servicer import ModelServicer

if TYPE_CHECKING:
    from ray.serve import Application

MARGIN = 64
"""How far Ray's own limit lies above ours: our refusal says when to try again, Ray's does not."""


def application(servicer: type[ModelServicer], config: Any, *, max_in_flight: int, threads: int = 0) -> "Application":
    """Returns the application that serves `servicer(config)`; its one deployment is named after the servicer.

    Ray gives a replica one OpenMP thread unless told otherwise; `threads` is what the model may use, 0 every core.
    """
    from ray import serve

    cores = threads or len(os.sched_getaffinity(0))
    deployment: Any = serve.deployment(
        servicer,
        max_ongoing_requests=max_in_flight + MARGIN,
        health_check_timeout_s=60,
        graceful_shutdown_timeout_s=10,
        max_constructor_retry_count=1,
        ray_actor_options={"num_cpus": 0, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(cores)}}},
    )
    return deployment.bind(config)
