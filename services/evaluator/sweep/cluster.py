"""A sweep over the model services of a release on Kubernetes: whom its names mean, and who is awake when."""

import argparse
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from earwitness.errors import InvalidInput

if TYPE_CHECKING:
    from earwitness.fleet import Fleet
    from services.evaluator.plan import Targets
    from services.evaluator.session import Session


def add_cluster(sweep: argparse.ArgumentParser) -> None:
    """Adds the options; in a pod of a release it is known which."""
    cluster = sweep.add_argument_group("on Kubernetes", "The file names services as the chart's values do.")
    release = os.environ.get("EARWITNESS_RELEASE", "earwitness")
    help = f"ask the services of this release (default: {release}), each awake while it is asked"
    cluster.add_argument("--cluster", nargs="?", const=release, default="", metavar="RELEASE", help=help)
    namespace = os.environ.get("EARWITNESS_NAMESPACE", "")
    cluster.add_argument("--namespace", default=namespace, help="(default: the kubeconfig's)")
    cluster.add_argument("--replicas", type=int, default=0, metavar="N", help="of each (default: all that it may have)")


def fleet_of(options: argparse.Namespace) -> "Fleet | None":
    """Returns the release's services, None where the sweep asks no cluster; raises what `Kube.connect` raises."""
    if not options.cluster:
        return None
    if options.replicas < 0:
        raise InvalidInput("must be at least 0", "--replicas")
    from earwitness.fleet import Fleet
    from earwitness.kube import Kube

    return Fleet(kube=Kube.connect(options.namespace), release=options.cluster, replicas=options.replicas)


@asynccontextmanager
async def attended(session: "Session", fleet: "Fleet | None", targets: "Targets") -> "AsyncGenerator[Session]":
    """Opens a session, with those services that it asks awake."""
    if fleet is None:
        async with session:
            yield session
        return
    async with fleet.awake(filter(None, (targets.llm, targets.captioner, targets.lalm))), session:
        yield session
