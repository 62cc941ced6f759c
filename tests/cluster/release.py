"""A release of the chart on whatever cluster the kubeconfig names, and what tests do to it.

REGISTRY names the images, LOAD the command that brings them into the cluster (default: `kind load docker-image --name
earwitness`); BUILD=0 takes those that are there.
"""

import base64
import json
import os
import shlex
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earwitness.access import Access
from tests.cluster.diary import say
from tools import helm, images

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "earwitness"
REGISTRY = os.environ.get("REGISTRY", "earwitness.test")
LOAD = os.environ.get("LOAD", "kind load docker-image --name earwitness")
BUILD = os.environ.get("BUILD", "1") != "0"
NAMESPACE, NAME = "earwitness-test", "earwitness"
WATCHERS = f"{NAMESPACE}-monitoring"
"""The namespace whose pods may scrape."""
READY_S = 900.0
OURS = f"app.kubernetes.io/instance={NAME}"
SETTINGS = (
    f"image.registry={REGISTRY}",
    f"networkPolicy.monitoring[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name={WATCHERS}",
    "defaults.terminationGracePeriodSeconds=60",
    "services.llm.autoscaling.upscaleDelaySeconds=2",
    "services.llm.autoscaling.downscaleDelaySeconds=20",
    "services.llm.autoscaling.idleTimeoutSeconds=10",
)
"""What the story changes of the CPU profile: it cannot wait minutes for a second worker, nor for its end."""
Tree = dict[str, Any]


def run(*command: str | Path, text: str | None = None, timeout_s: float = READY_S) -> str:
    """Runs a command and returns what it printed; fails with all of it."""
    done = subprocess.run(
        list(map(str, command)), input=text, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def kubectl(*arguments: str, text: str | None = None, namespace: str = NAMESPACE, timeout_s: float = READY_S) -> str:
    return run("kubectl", "--namespace", namespace, *arguments, text=text, timeout_s=timeout_s)


def objects(kind: str, selector: str = "") -> list[Tree]:
    return json.loads(kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]


def wait_for(what: str, test: Callable[[], object], within_s: float = READY_S) -> float:
    """Waits until the test holds; returns for how long."""
    began = time.monotonic()
    while not test():
        assert time.monotonic() - began < within_s, f"{what} did not come to be in {within_s:.0f} s"
        time.sleep(1)
    return time.monotonic() - began


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A release of the chart, installed or not."""

    folder: Path
    """Of files that clients need."""

    @property
    def access(self) -> Access:
        """What a client shows, and whom it trusts."""
        for secret, key in (("earwitness-tls", "ca.crt"), ("earwitness-auth", "token")):
            held = json.loads(kubectl("get", "secret", secret, "--output", "json"))["data"][key]
            (self.folder / key).write_bytes(base64.b64decode(held))
        return Access(ca=self.folder / "ca.crt", token_file=self.folder / "token")

    def upgrade(self, *settings: str, anew: bool = False) -> None:
        """Installs or upgrades, and waits until every service answers.

        The CPU profile changes no pod of Ray's by itself (`upgradeStrategy: None`): `anew` ends its clusters for new.
        """
        given = [word for each in (*SETTINGS, *settings) for word in ("--set", each)]
        profile = ("--values", str(CHART / "values-cpu.yaml"))
        run(helm_binary(), "upgrade", "--install", NAME, CHART, "--namespace", NAMESPACE, *profile, *given)
        if anew:
            kubectl("delete", "rayclusters", "--all")
        time.sleep(5)  # for KubeRay to see what is new
        took = 5 + wait_for("the release", self.is_ready)
        say(f"  ready {took:.0f} s after helm: {', '.join(map(name_of, self.pods()))}")

    def pods(self) -> list[Tree]:
        """Those that are to stay, by name: of the services and the evaluator."""
        return [pod for pod in self.running() if component_of(pod) != "trainer"]

    def running(self) -> list[Tree]:
        """All that have not ended, by name: a training's too, whose cluster outlives it by a while."""
        return [pod for pod in objects("pods", OURS) if pod["status"]["phase"] not in ("Succeeded", "Failed")]

    def is_ready(self) -> bool:
        """Whether the evaluator and every service's head and workers are ready, and Serve says that all is well."""
        services, pods = objects("rayservices"), self.pods()
        if not (services and all(map(is_serving, services)) and all(map(is_ready, pods))):
            return False
        clusters = {service["status"]["activeServiceStatus"]["rayClusterName"] for service in services}
        wanted = {(cluster, kind) for cluster in clusters for kind in ("head", "worker")} | {("", "evaluator")}
        labels = [pod["metadata"]["labels"] for pod in pods]
        found = {(each.get("ray.io/cluster", ""), each.get("ray.io/node-type", "evaluator")) for each in labels}
        return found == wanted

    def exec(self, *command: str, text: str | None = None, timeout_s: float = 1800) -> str:
        """Runs a command in the evaluator's pod, which is a client of the release."""
        place = (f"deployment/{NAME}-evaluator", "--container", "evaluator")
        return kubectl("exec", *(("--stdin",) if text else ()), *place, "--", *command, text=text, timeout_s=timeout_s)

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

    def get(self, address: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """Asks an https door; returns status and text, of where it leads to."""
        trust = ssl.create_default_context(cafile=str(self.access.ca))
        request = urllib.request.Request(f"https://{address}{path}", headers=dict(headers))
        try:
            with urllib.request.urlopen(request, context=trust, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def helm_binary() -> Path:
    """The helm that tests use."""
    found = helm.find()
    assert found, "no helm: `python -m tools.helm` fetches it"
    return found


def name_of(item: Tree) -> str:
    return item["metadata"]["name"]


def component_of(pod: Tree) -> str:
    return pod["metadata"]["labels"]["app.kubernetes.io/component"]


def door(service: str) -> str:
    """A model service's address within the cluster."""
    return f"{NAME}-{service}-serve-svc.{NAMESPACE}.svc:9443"


def is_ready(pod: Tree) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def is_serving(service: Tree) -> bool:
    applications = service.get("status", {}).get("activeServiceStatus", {}).get("applicationStatuses") or {}
    return bool(applications) and all(each.get("status") == "RUNNING" for each in applications.values())


def prepare() -> None:
    """Makes the namespaces and the secrets."""
    namespace = (ROOT / "k8s" / "namespace.yaml").read_text()
    for name in (NAMESPACE, WATCHERS):
        run("kubectl", "apply", "--filename", "-", text=namespace.replace("name: earwitness", f"name: {name}"))
    run(ROOT / "k8s" / "secrets.sh", NAMESPACE)


def build() -> None:
    """Builds the images."""
    run(sys.executable, "-m", "tools.images", "build", "--registry", REGISTRY, "--network", "host", timeout_s=3600)


def load() -> None:
    """Brings the images into the cluster."""
    run(*shlex.split(LOAD), *image_names(), timeout_s=3600)


def loaded_images() -> set[str]:
    """Returns the images that the nodes say they have."""
    nodes: list[Tree] = json.loads(run("kubectl", "get", "nodes", "--output", "json"))["items"]
    return {name for node in nodes for image in node["status"].get("images", []) for name in image.get("names") or []}


def image_names() -> list[str]:
    """Returns what the images are called."""
    return [images.name_of(target, REGISTRY, "cpu") for target in images.TARGETS]


def require_cluster() -> None:
    """Skips where no cluster answers, or it does not know RayService."""
    asked = subprocess.run(["kubectl", "get", "crd", "rayservices.ray.io"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("no cluster with KubeRay: see docs/kubernetes.md")


def probe(labels: Sequence[str], script: str, namespace: str = NAMESPACE) -> str:
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
    metadata = {"name": "probe", "labels": dict(label.split("=") for label in labels)}
    pod = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("apply", "--filename", "-", text=pod, namespace=namespace)

    def phase() -> str:
        return kubectl("get", "pod", "probe", "--output", "jsonpath={.status.phase}", namespace=namespace)

    try:
        wait_for("the end of the probe", lambda: phase() in ("Succeeded", "Failed"))
        return kubectl("logs", "probe", namespace=namespace)
    finally:
        kubectl("delete", "pod", "probe", namespace=namespace)
