"""A release of the chart on whatever cluster the kubeconfig names, and what tests do to it.

REGISTRY names the images, LOAD the command that brings them into the cluster (default: `kind load docker-image --name
earwitness`); BUILD=0 takes those that are there.
"""

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earwitness.access import Access
from tools import helm, images

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "earwitness"
REGISTRY = os.environ.get("REGISTRY", "earwitness.test")
LOAD = os.environ.get("LOAD", "kind load docker-image --name earwitness")
NAMESPACE, NAME = "earwitness-test", "earwitness"
READY_S = 900.0
Tree = dict[str, Any]


def run(*command: str | Path, text: str | None = None, timeout_s: float = READY_S) -> str:
    """Runs a command and returns what it printed; fails with all of it."""
    done = subprocess.run(
        list(map(str, command)), input=text, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def kubectl(*arguments: str, text: str | None = None) -> str:
    return run("kubectl", "--namespace", NAMESPACE, *arguments, text=text)


def objects(kind: str, selector: str = "") -> list[Tree]:
    return json.loads(kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]


def wait_for(what: str, test: Callable[[], object], within_s: float = READY_S) -> float:
    """Waits until the test holds; returns for how long."""
    began = time.monotonic()
    while not test():
        assert time.monotonic() - began < within_s, f"{what} did not come to be in {within_s:.0f} s"
        time.sleep(1)
    return time.monotonic() - began


def say(text: str) -> None:
    """A line for who watches, with the time; `-s` shows it."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """An installed chart."""

    folder: Path
    """Of files that clients need."""

    @property
    def access(self) -> Access:
        """What a client shows, and whom it trusts."""
        return Access(ca=self.folder / "ca.crt", token_file=self.folder / "token")

    def upgrade(self, *settings: str) -> None:
        """Installs or upgrades, and waits until every service answers."""
        given = [word for each in (f"image.registry={REGISTRY}", *settings) for word in ("--set", each)]
        profile = ("--values", str(CHART / "values-cpu.yaml"))
        run(helm_binary(), "upgrade", "--install", NAME, CHART, "--namespace", NAMESPACE, *profile, *given)
        took = wait_for("the release", self.is_ready)
        say(f"ready after {took:.0f} s")

    def is_ready(self) -> bool:
        """Whether the evaluator and every worker are ready, and Serve says that all is well."""
        pods = [
            pod
            for pod in objects("pods", f"app.kubernetes.io/instance={NAME}")
            if pod["status"]["phase"] != "Succeeded"
        ]
        services = objects("rayservices")
        return bool(services) and all(map(is_serving, services)) and all(map(is_ready, pods))

    def exec(self, *command: str) -> str:
        """Runs a command in the evaluator's pod."""
        return kubectl("exec", f"deployment/{NAME}-evaluator", "--container", "evaluator", "--", *command)

    @contextmanager
    def forwarded(self, service: str, port: int = 9443) -> Generator[str]:
        """Yields an address on this machine that leads to a Service."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            here = probe.getsockname()[1]
        command = ["kubectl", "--namespace", NAMESPACE, "port-forward", f"service/{service}", f"{here}:{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
            assert forward.stdout
            forward.stdout.readline()
            try:
                yield f"localhost:{here}"
            finally:
                forward.terminate()


def helm_binary() -> Path:
    """The helm that tests use."""
    found = helm.find()
    assert found, "no helm: `python -m tools.helm` fetches it"
    return found


def is_ready(pod: Tree) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def is_serving(service: Tree) -> bool:
    applications = service.get("status", {}).get("activeServiceStatus", {}).get("applicationStatuses") or {}
    return bool(applications) and all(each.get("status") == "RUNNING" for each in applications.values())


def prepare(folder: Path) -> Release:
    """Builds and loads the images, and makes namespace and secrets; the release itself is the tests' to install."""
    if os.environ.get("BUILD", "1") != "0":
        run(sys.executable, "-m", "tools.images", "build", "--registry", REGISTRY, "--network", "host", timeout_s=3600)
        names = [images.name_of(target, REGISTRY, "cpu") for target in images.TARGETS]
        run(*shlex.split(LOAD), *names, timeout_s=3600)
    namespace = (ROOT / "k8s" / "namespace.yaml").read_text().replace("name: earwitness", f"name: {NAMESPACE}")
    run("kubectl", "apply", "--filename", "-", text=namespace)
    run(ROOT / "k8s" / "secrets.sh", NAMESPACE)
    for secret, key in (("earwitness-tls", "ca.crt"), ("earwitness-auth", "token")):
        held = json.loads(kubectl("get", "secret", secret, "--output", "json"))["data"][key]
        (folder / key).write_bytes(base64.b64decode(held))
    return Release(folder=folder)


def require_cluster() -> None:
    """Skips where no cluster answers, or it does not know RayService."""
    asked = subprocess.run(["kubectl", "get", "crd", "rayservices.ray.io"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("no cluster with KubeRay: see docs/kubernetes.md")


def probe(name: str, labels: Sequence[str], script: str) -> str:
    """Runs a Python script in a pod of ours with these labels, and returns what it printed."""
    container = {
        "name": "probe",
        "image": images.name_of("evaluator", REGISTRY, "cpu"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", script],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "securityContext": security, "containers": [container]}
    metadata = {"name": name, "labels": dict(label.split("=") for label in labels)}
    kubectl(
        "apply",
        "--filename",
        "-",
        text=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}),
    )
    try:
        wait_for(
            name,
            lambda: json.loads(kubectl("get", "pod", name, "-o", "json"))["status"]["phase"] in ("Succeeded", "Failed"),
        )
        return kubectl("logs", name)
    finally:
        kubectl("delete", "pod", name, "--wait=false")
