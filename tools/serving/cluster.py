"""Ray Serve in HAProxy mode as a process of its own: told what to deploy, it says where it answers.

    python -m tools.serving.cluster '{"llm": {"service": "llm", "replicas": 2, "config": {"engine": "echo"}}}'

Each line that it is told is such a set of applications, which it brings about: a changed one is updated replica by
replica while the others answer.
"""

import json
import socket
import sys
from contextlib import ExitStack
from typing import Any

from earwitness.cluster import Cluster, ClusterConfig
from earwitness.config import convert
from services.cli.serve import SERVICES, application_of, servicer_of
from tools.serving import child

Applications = dict[str, dict[str, Any]]


def main(applications: Applications) -> None:
    """Serves until the input ends."""
    names = ("grpc_port", "http_port", "metrics_port", "stats_port")
    config = ClusterConfig(**dict(zip(names, _free_ports(len(names)), strict=True)))
    with Cluster(config) as cluster:
        cluster.start(tuple(name for service in SERVICES for name in servicer_of(service).registrars))
        cluster.deploy(_built(applications))

        def deploy(changed: child.Answer) -> child.Answer:
            cluster.deploy(_built(changed))
            return {}

        child.answer({"grpc": config.address, "http": f"{config.host}:{config.http_port}"}, deploy)


def _built(applications: Applications) -> dict[str, Any]:
    return {name: _application(**settings) for name, settings in applications.items()}


def _application(service: str, config: dict[str, Any], replicas: int = 1) -> Any:
    """Returns the product's own application, in so many replicas, as a Serve configuration would ask for them."""
    from importlib import import_module

    from ray.serve import Application

    settings = convert(getattr(import_module(f"services.{service}.config"), f"{service.capitalize()}Config"), config)
    application = application_of(service, settings)
    return Application(application._bound_deployment.options(num_replicas=replicas))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
