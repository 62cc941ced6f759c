"""Ray Serve on this machine, in HAProxy mode: the platform's services without Kubernetes.

Ray's own gRPC proxy is 13 to 18 times slower than a bare grpc.aio server, HAProxy mode 2 to 4 times (measured on Ray
2.60, two cores). It knows nothing of what is deployed.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from earwitness import ports
from earwitness.channel import MAX_MESSAGE_BYTES
from earwitness.errors import EngineFailure, NotReady
from earwitness.home import home
from earwitness.mount import mounted
from earwitness.servicer import REFLECTION_REGISTRAR, REGISTRARS

WINDOW_BYTES = 1 << 20
"""HTTP/2 flow-control window: HAProxy's 64 KiB would make a megabyte of audio wait for sixteen round trips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterConfig:
    """Where the cluster listens."""

    host: str = "127.0.0.1"
    grpc_port: int = 9000
    http_port: int = 8000
    metrics_port: int = 9101
    stats_port: int = 8404

    @property
    def address(self) -> str:
        """`host:port` of the gRPC ingress."""
        return f"{self.host}:{self.grpc_port}"


class Cluster:
    """A Ray of this process, and what is served on it. It ends with the process; `stop` ends it sooner."""

    def __init__(self, config: ClusterConfig) -> None:
        self.config = config
        self._left: Path = home() / "cluster" / f"{config.grpc_port}.json"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self, registrars: tuple[str, ...], *, reflection: bool = True) -> None:
        """Starts Ray and its HAProxy; `registrars` name the RPCs that may be deployed.

        With `reflection` the servicer describes them, behind its gate; Ray's own is off, which would do so before it.
        Ends what an earlier, killed run recorded; raises NotReady for a port that anyone else holds.
        """
        ports.end_recorded(self._left)
        config = self.config
        for key in ("grpc_port", "http_port", "metrics_port", "stats_port"):
            ports.require_free(config.host, getattr(config, key), key)
        _prepare_environment(config)
        import ray
        from ray import serve
        from ray.serve.config import HTTPOptions, gRPCOptions

        ray.init(
            address="local", num_cpus=64, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
        )
        ports.record(self._left, _processes_of_ray())
        _silence()
        added = [*registrars, *REGISTRARS, *([REFLECTION_REGISTRAR] if reflection else [])]
        functions = [mounted(registrar) for registrar in dict.fromkeys(added)]
        options = gRPCOptions(port=config.grpc_port, grpc_servicer_functions=functions, enable_reflection=False)
        serve.start(http_options=HTTPOptions(host=config.host, port=config.http_port), grpc_options=options)
        ports.record(self._left, _processes_of_ray())

    def deploy(self, applications: Mapping[str, Any]) -> None:
        """Deploys applications by name, side by side, and returns when all run; raises EngineFailure if one cannot."""
        from ray import serve

        targets = [
            serve.RunTarget(target=application, name=name, route_prefix=f"/{name}")
            for name, application in applications.items()
        ]
        try:
            serve.run_many(targets)
        except RuntimeError:
            raise _failure(serve.status()) from None
        ports.record(self._left, _processes_of_ray())

    def stop(self) -> None:
        """Ends every process of the cluster at once; calls in flight fail."""
        if "ray" in sys.modules:
            import ray

            ray.shutdown()
        ports.end_recorded(self._left)


def _prepare_environment(config: ClusterConfig) -> None:
    """Sets what Ray reads at import. Ray must not have been imported before."""
    if "ray" in sys.modules:
        raise NotReady("Ray was imported before the cluster started", remedy="start the cluster first")
    settings = {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(config.metrics_port),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(config.stats_port),
        "RAY_SERVE_HAPROXY_H2_FE_INITIAL_WINDOW_SIZE": str(WINDOW_BYTES),
        "RAY_SERVE_HAPROXY_H2_BE_INITIAL_WINDOW_SIZE": str(WINDOW_BYTES),
        "RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(MAX_MESSAGE_BYTES),  # its 2 GiB would let one message fill the memory
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # Ray's 15 would starve the models beside anything else that runs
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def _processes_of_ray() -> list[int]:
    """Returns the numbers of this process's descendants and of the HAProxy that its Ray started."""
    import psutil

    descendants = psutil.Process().children(recursive=True)
    return [process.pid for process in descendants]


def _silence() -> None:
    """Keeps Serve's own log lines, which go to its files too, off the terminal."""
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


def _failure(status: Any) -> EngineFailure:
    """Returns the failure of the first application that does not run, with the error that its log ends in."""
    for name, application in status.applications.items():
        reports = [deployment.message for deployment in application.deployments.values()]
        lines = [line.strip() for report in (*reports, application.message) for line in report.splitlines()]
        causes = [line for line in lines if re.match(r"[\w.]*(Error|Exception|errors\.\w+): ", line)]
        if application.status != "RUNNING":
            return EngineFailure((causes or lines or ["no reason given"])[-1], name, "Ray keeps its logs in /tmp/ray")
    return EngineFailure("the services did not start", remedy="Ray keeps its logs in /tmp/ray")
