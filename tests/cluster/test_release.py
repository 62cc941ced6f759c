"""The chart on a real cluster, from nothing to nothing: `make test-cluster`. The tests are one story, in this order."""

import json
import threading
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earwitness.access import Access
from earwitness.conversation import Turn
from earwitness.errors import Unauthenticated
from earwitness.fanout import Retries
from earwitness.sync import CaptionerClient, LlmClient
from tests.cluster import release as r
from tests.cluster.release import Release, kubectl, say, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]
PORTS = (8000, 8080, 8265, 8404, 8443, 9000, 9001, 9002, 9101, 9443, 10001, 6379, 44217, 44227)
SWEEP = "/etc/earwitness/evaluator/sweep.yaml"
STEPS = (
    "corpus corpus --clips 24 --recordings 0",
    "distil corpus/manifest.jsonl targets --llm {llm} --max-tokens 24",
    "run targets corpus lalm --set llm=smollm2-135m-instruct --set encoder=whisper-tiny-en --set steps=4"
    " --set batch_size=2 --set qformer_layers=1 --set num_queries=16 --set dtype=float32 --set warmup_steps=1"
    " --set save_every=2",
)
"""A checkpoint that hears nothing, of the shape of one that does."""
CONNECT = """
import socket, sys, time
time.sleep(5)  # a policy takes a moment to know a new pod
for host in {hosts}:
    for port in {ports}:
        try:
            socket.create_connection((host, port), 2).close()
            print("open", host, port)
        except OSError:
            pass
print("done")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Release]:
    r.require_cluster()
    release = r.prepare(tmp_path_factory.mktemp("access"))
    release.upgrade()
    yield release
    r.run(r.helm_binary(), "uninstall", r.NAME, "--namespace", r.NAMESPACE, "--ignore-not-found")


def test_helm_test_passes(installed: Release) -> None:
    assert "Succeeded" in r.run(r.helm_binary(), "test", r.NAME, "--namespace", r.NAMESPACE)


def test_callers_come_in_by_tls_and_token(installed: Release, tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    soundfile.write(tone, 0.1 * np.sin(np.arange(16000) / 6), 16000)
    with installed.forwarded("earwitness-llm-serve-svc") as address, LlmClient(address, access=installed.access) as llm:
        assert llm.generate([Turn(role="user", content="Which animal bleats?")]).text
    with (
        installed.forwarded("earwitness-captioner-serve-svc") as address,
        CaptionerClient(address, access=installed.access) as captioner,
    ):
        assert captioner.caption(tone.read_bytes()).text


def test_nobody_comes_in_without_the_token(installed: Release) -> None:
    stranger = Access(ca=installed.access.ca, token="of-nobody-of-nobody")
    with (
        installed.forwarded("earwitness-llm-serve-svc") as address,
        LlmClient(address, access=stranger) as llm,
        pytest.raises(Unauthenticated),
    ):
        llm.generate([Turn(role="user", content="Which animal bleats?")])


@pytest.mark.parametrize(("label", "opened"), [("a=b", set()), ("earwitness.io/client=true", {8443, 9443})])
def test_a_pod_reaches_the_doors_with_the_label_and_nothing_without(
    installed: Release, label: str, opened: set[int]
) -> None:
    """Plaintext ports are shut to all; the doors with TLS are open to those who carry the label."""
    pods = r.objects("pods", f"app.kubernetes.io/instance={r.NAME}")
    hosts = [pod["status"]["podIP"] for pod in pods]
    printed = r.probe("probe", [label], CONNECT.format(hosts=hosts, ports=PORTS))
    assert printed.endswith("done\n")
    assert {int(line.split()[2]) for line in printed.splitlines() if line.startswith("open")} == opened


def test_a_training_job_leaves_a_checkpoint_that_is_served(installed: Release) -> None:
    began = time.monotonic()
    printed = installed.exec("earwitness", "train", "submit", "first", *STEPS, "--wait")
    say(f"trained in {time.monotonic() - began:.0f} s")
    assert "complete" in printed
    assert "complete" in installed.exec("earwitness", "train", "submit", "first", *STEPS), "the same again is done"
    installed.upgrade("services.lalm.enabled=true")


def results(release: Release, folder: str) -> dict[str, object]:
    return json.loads(release.exec("cat", f"{folder}/results.json"))


def test_a_sweep_ends_complete_and_the_same_whatever_pod_is_deleted(installed: Release) -> None:
    """Over all three settings; each pod of the models and the evaluator's own dies once meanwhile."""
    installed.exec("earwitness", "sweep", SWEEP, "--cluster", "--out", "/results/calm")
    calm = results(installed, "/results/calm")
    stop = threading.Event()
    killer = threading.Thread(target=delete_pods, args=(stop,), daemon=True)
    killer.start()
    try:
        wait_for("the sweep", lambda: swept(installed, "/results/rough"), within_s=1800)
    finally:
        stop.set()
        killer.join()
    assert results(installed, "/results/rough") == calm


def swept(release: Release, folder: str) -> bool:
    """Runs the sweep once; False where it was cut off, as by the death of its own pod."""
    try:
        release.exec("earwitness", "sweep", SWEEP, "--cluster", "--out", folder)
    except AssertionError as error:
        say(str(error)[-200:])
        return False
    return True


def delete_pods(stop: threading.Event) -> None:
    for pod in r.objects("pods", f"app.kubernetes.io/instance={r.NAME}"):
        if stop.wait(10):
            return
        say(f"deleting {pod['metadata']['name']}")
        kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false", "--ignore-not-found")


def test_an_upgrade_under_load_loses_no_call(installed: Release) -> None:
    failed: list[str] = []
    answered = 0
    stop = threading.Event()

    def load(address: str) -> None:
        nonlocal answered
        with LlmClient(address, access=installed.access, retries=Retries(), timeout_s=300) as llm:
            while not stop.is_set():
                try:
                    llm.generate([Turn(role="user", content="Which animal bleats?")])
                    answered += 1
                except Exception as error:
                    failed.append(repr(error))

    with installed.forwarded("earwitness-llm-serve-svc") as address:
        callers = [threading.Thread(target=load, args=(address,)) for _ in range(4)]
        for each in callers:
            each.start()
        installed.upgrade("services.lalm.enabled=true", "services.llm.config.max_in_flight=48")
        stop.set()
        for each in callers:
            each.join()
    say(f"{answered} calls answered during the upgrade")
    assert answered
    assert not failed


def test_uninstall_leaves_the_volumes_alone(installed: Release) -> None:
    r.run(r.helm_binary(), "uninstall", r.NAME, "--namespace", r.NAMESPACE, "--wait")
    kinds = (
        "pods,services,deployments,jobs,configmaps,rayservices,rayclusters,rayjobs,networkpolicies,roles,rolebindings"
    )
    wait_for("an empty namespace", lambda: not of_release(kinds), within_s=300)
    assert {item["metadata"]["name"] for item in of_release("persistentvolumeclaims")} == {
        "earwitness-data",
        "earwitness-results",
    }


def of_release(kinds: str) -> list[r.Tree]:
    return [
        item for item in r.objects(kinds) if not item["metadata"]["name"].startswith(("kube-root-ca", "kubernetes"))
    ]
