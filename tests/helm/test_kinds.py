"""Every object of every profile is one that Kubernetes and KubeRay take."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.helm.chart import CHART, PROFILES, Tree, given, objects, pods, render, run

CRDS = Path(__file__).with_name("crds")
KUBERAY = sorted(folder.name for folder in CRDS.iterdir() if folder.is_dir())
KUBERNETES = "1.34"
OTHERS = ("monitoring.coreos.com/v1", "cert-manager.io/v1")
EVERYTHING = (
    "services.lalm.enabled=true", "storage.data.enabled=true", "storage.cache.enabled=true", "defaults.replicas.max=3",
    "defaults.redis.address=redis:6379", "defaults.redis.secret=redis", "hub.secret=hub", "networkPolicy.internet=true",
    "trainer.kueue.enabled=true", "trainer.kueue.queueName=gpus", "evaluator.ledger.secret=pg", "evaluator.replicas=2",
    "tls.clientCertificates=true", "image.pullSecrets[0]=pull", "defaults.worker.pod.nodeSelector.gpu=yes",
    "defaults.worker.pod.priorityClassName=low", "evaluator.benchmarksClaim=mine", "stack=gpu", "defaults.gpus=1",
)  # fmt: skip


@cache
def rendered(profile: str) -> tuple[Tree, ...]:
    return tuple(objects(render("cpu", *EVERYTHING) if profile == "everything" else render(profile)))


@cache
def crd(version: str, kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((CRDS / version / f"{kind.lower()}s.json").read_text())
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_finds_nothing_to_say(profile: str) -> None:
    done = run("lint", "--strict", str(CHART), *given(profile))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", [*PROFILES, "everything"])
@pytest.mark.parametrize("version", KUBERAY)
def test_kuberay_knows_every_field(profile: str, version: str) -> None:
    ours = [item for item in rendered(profile) if item["apiVersion"] == "ray.io/v1"]
    assert ours
    for item in ours:
        assert not [f"{'.'.join(map(str, e.path))}: {e.message}" for e in crd(version, item["kind"]).iter_errors(item)]


def test_the_schemas_of_kuberay_refuse_a_typo() -> None:
    item = next(item for item in rendered("cpu") if item["kind"] == "RayService")
    wrong = {**item, "spec": {**item["spec"], "serveConfig": ""}}
    assert all(list(crd(version, "RayService").iter_errors(wrong)) for version in KUBERAY)


@pytest.mark.parametrize("profile", [*PROFILES, "everything"])
def test_kubernetes_knows_every_field(profile: str) -> None:
    for item in rendered(profile):
        if item["apiVersion"] not in ("ray.io/v1", *OTHERS):
            kubernetes_validate.validate(item, KUBERNETES, strict=True)
        for pod in pods(item):
            kubernetes_validate.validate(pod, KUBERNETES, strict=True)


@pytest.mark.parametrize("profile", [*PROFILES, "everything"])
def test_every_pod_passes_the_restricted_profile(profile: str) -> None:
    for item in rendered(profile):
        for pod in pods(item):
            assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
            assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            for container in pod["spec"]["containers"]:
                context = container["securityContext"]
                assert context["allowPrivilegeEscalation"] is False, container["name"]
                assert context["readOnlyRootFilesystem"] is True
                assert context["capabilities"] == {"drop": ["ALL"]}


def test_kubernetes_names_no_setting_of_ours() -> None:
    """It would make EARWITNESS_EVALUATOR_PORT of a Service, which no configuration has."""
    assert all(pod["spec"]["enableServiceLinks"] is False for item in rendered("everything") for pod in pods(item))


@pytest.mark.parametrize("profile", PROFILES)
def test_rendering_is_repeatable(profile: str) -> None:
    assert render.__wrapped__(profile) == render.__wrapped__(profile)


def fixed(found: Sequence[Tree]) -> Tree:
    """What cannot be changed of those objects that have something of the kind."""
    kinds = {"Deployment": lambda spec: spec["selector"], "PersistentVolumeClaim": lambda spec: spec}
    return {item["metadata"]["name"]: kinds[item["kind"]](item["spec"]) for item in found if item["kind"] in kinds}


def test_an_upgrade_from_another_size_changes_nothing_that_cannot_change() -> None:
    """Selectors and claims are immutable: a values change must leave them alone."""
    before, after = rendered("cpu"), objects(render("cpu", "defaults.replicas.max=3", "services.lalm.enabled=true"))
    assert fixed(before) == fixed(after)


@pytest.mark.parametrize(
    ("change", "anew"),
    [("services.lalm.enabled=true", True), ("services.llm.config.max_in_flight=48", False)],
    ids=["another service", "another limit"],
)
def test_the_evaluator_begins_anew_where_its_settings_change(change: str, anew: bool) -> None:
    """It reads them once; a new pod that nothing calls for would cut off what is asked from within the old one."""
    before, after = (
        [item["spec"]["template"] for item in found if item["kind"] == "Deployment"]
        for found in (objects(render("cpu")), objects(render("cpu", change)))
    )
    assert (before != after) == anew


def cluster(*settings: str) -> tuple[Tree, Tree]:
    """What KubeRay compares of the LLM, all but the numbers of workers; and those."""
    found = objects(render("cpu", *settings))
    (service,) = [item for item in found if item["kind"] == "RayService" and item["metadata"]["name"].endswith("-llm")]
    spec = service["spec"]["rayClusterConfig"]
    (group,) = spec["workerGroupSpecs"]
    return spec, {name: group.pop(name) for name in ("replicas", "minReplicas", "maxReplicas")}


def test_another_number_of_replicas_reaches_the_cluster() -> None:
    """KubeRay takes the numbers of workers at a cluster's beginning, and a new cluster only for other changes."""
    two, three = (cluster(f"services.llm.replicas.max={count}") for count in (2, 3))
    assert two == three, "Serve says how many, in place"
    assert three[1] == {"replicas": 1, "minReplicas": 0, "maxReplicas": 1000}
    fixed, more = (
        cluster(f"services.llm.replicas.min={count}", f"services.llm.replicas.max={count}") for count in (1, 2)
    )
    assert fixed[0] != more[0], "a new cluster"
    assert more[1] == {"replicas": 2, "minReplicas": 2, "maxReplicas": 2}


def test_names_stay_within_what_kuberay_appends_to() -> None:
    long = render("paper", release="a-release-with-a-very-long-name-for-a-chart")
    assert all(len(item["metadata"]["name"]) <= 47 for item in objects(long) if item["kind"] == "RayService")


def test_no_secret_is_rendered() -> None:
    assert not [item for profile in PROFILES for item in rendered(profile) if item["kind"] == "Secret"]


def test_volumes_outlive_the_release_and_nothing_else_does() -> None:
    for item in rendered("everything"):
        policy = (item["metadata"].get("annotations") or {}).get("helm.sh/resource-policy")
        assert (policy == "keep") == (item["kind"] == "PersistentVolumeClaim")


def test_monitors_are_for_clusters_that_know_them() -> None:
    kinds = {item["kind"] for item in rendered("cpu")}
    assert {"PodMonitor", "ServiceMonitor"} <= kinds
    assert not {"PodMonitor", "ServiceMonitor"} & {item["kind"] for item in objects(render("cpu", extra=()))}
