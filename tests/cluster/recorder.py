"""How many workers a service has, and wants, over time: for a graph."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

import yaml

from tests.cluster import release as r

EVERY_S = 2.0


@contextmanager
def recorded(service: str) -> Generator[list[dict[str, float]]]:
    """Notes a service's workers while the block lasts, as `{seconds, least, pods, ready}`."""
    notes: list[dict[str, float]] = []
    stop, began = threading.Event(), time.monotonic()

    def watch() -> None:
        while not stop.wait(EVERY_S):
            with suppress(AssertionError, KeyError, IndexError):
                notes.append({"seconds": round(time.monotonic() - began, 1), **_now(service)})

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield notes
    finally:
        stop.set()
        thread.join()


def _now(service: str) -> dict[str, float]:
    pods = r.objects("pods", f"earwitness.io/service={service},ray.io/node-type=worker")
    item = r.objects("rayservices", f"earwitness.io/service={service}")[0]
    config = yaml.safe_load(item["spec"]["serveConfigV2"])
    least = config["applications"][0]["deployments"][0]["autoscaling_config"]["min_replicas"]
    return {"least": least, "pods": len(pods), "ready": sum(map(r.is_ready, pods))}
