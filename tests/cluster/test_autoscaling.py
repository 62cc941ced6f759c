"""Replicas follow the calls: 1 -> 3 -> 1 under a sweep's load, 0 -> 1 -> 0 around one, on a real cluster.

AUTOSCALING names a folder for what was seen, as JSON lines of `{seconds, least, pods, ready}`.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cluster import release as r
from tests.cluster.recorder import recorded
from tests.cluster.release import Release, say, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]
SWEEP = "/etc/earwitness/evaluator/sweep.yaml"
LONG = ("--samples", "2", "--max-tokens", "65", "--in-flight", "64")
"""Answers that may be longer than 64 tokens are asked for one by one; a batch would count as one call under way."""
QUICK = (
    "services.captioner.enabled=false",
    "services.llm.autoscaling.targetOngoingRequests=2",
    "services.llm.autoscaling.upscaleDelaySeconds=2",
    "services.llm.autoscaling.downscaleDelaySeconds=20",
    "services.llm.autoscaling.idleTimeoutSeconds=10",
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Generator[Release]:
    r.require_cluster()
    yield r.prepare(tmp_path_factory.mktemp("access"))
    r.run(r.helm_binary(), "uninstall", r.NAME, "--namespace", r.NAMESPACE, "--ignore-not-found", "--wait")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("AUTOSCALING")
    return Path(named) if named else tmp_path_factory.mktemp("autoscaling")


def workers() -> int:
    return len(
        [pod for pod in r.objects("pods", "earwitness.io/service=llm,ray.io/node-type=worker") if r.is_ready(pod)]
    )


def test_replicas_follow_the_load_of_a_sweep(release: Release, folder: Path) -> None:
    release.upgrade(*QUICK, "services.llm.replicas.max=3")
    with recorded("llm", folder / "autoscaling-load.jsonl") as notes:
        address = "earwitness-llm-serve-svc.earwitness-test.svc:9443"
        release.exec(
            "earwitness", "run", "mini-akb", "text", "--llm", address, "--samples", "4", "--out", "/results/load"
        )
        took = wait_for("one worker again", lambda: workers() == 1, within_s=600)
    say(f"back at one {took:.0f} s after the load")
    assert max(note["ready"] for note in notes) >= 2
    assert notes[0]["ready"] == 1


def test_a_sweep_wakes_what_sleeps_and_lets_it_sleep_again(release: Release, folder: Path) -> None:
    release.upgrade(*QUICK, "services.llm.replicas.min=0", "services.llm.replicas.max=3")
    # Workers of before have a readiness probe that asks the model, which would not let it sleep.
    r.kubectl("delete", "rayclusters", "--all")
    wait_for("no worker", lambda: workers() == 0, within_s=600)
    with recorded("llm", folder / "autoscaling-sleep.jsonl") as notes:
        printed = release.exec("earwitness", "sweep", SWEEP, "--cluster", "--replicas", "1", "--out", "/results/woken")
        wait_for("sleep", lambda: workers() == 0, within_s=600)
    assert "llm: scaling up to 1" in printed
    assert "llm: back to at least 0 replicas" in printed
    assert max(note["ready"] for note in notes) >= 1
