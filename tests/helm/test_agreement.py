"""What the chart says of the code is true of it: import paths, ports, names, settings, images."""

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from earwitness import __version__, cluster, scaling
from earwitness.config import convert
from earwitness.fleet import _model
from services.cli import jobs
from services.evaluator.commands import serve, web
from services.evaluator.config import EvaluatorConfig
from tests.helm.chart import CHART, PROFILES, REGISTRY, ROOT, Tree, objects, pods, render
from tools import images

POLICY = f"{scaling.__name__}:{scaling.by_questions.__name__}"


def ray_services(profile: str) -> list[Tree]:
    return [item for item in objects(render(profile)) if item["kind"] == "RayService"]


def test_the_chart_installs_the_images_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    for profile, stack in (("cpu", "cpu"), ("gpu", "gpu")):
        found = {
            c["image"] for item in objects(render(profile)) for pod in pods(item) for c in pod["spec"]["containers"]
        }
        assert found == {images.name_of(target, REGISTRY, stack) for target in images.TARGETS}


def test_every_target_and_its_ports_are_in_the_dockerfile() -> None:
    stages = set(re.findall(r"^FROM .* AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.M))
    assert set(images.TARGETS) <= stages


@pytest.mark.parametrize("profile", PROFILES)
def test_what_the_code_keeps_can_be_written(profile: str) -> None:
    """The root file system is read-only, so every folder of EARWITNESS_HOME that the code names has a volume."""
    code = "".join(path.read_text() for top in ("earwitness", "services") for path in (ROOT / top).rglob("*.py"))
    named = {f"/var/cache/earwitness/{name}" for name in re.findall(r'home\(\) / "(\w+)"', code)}
    for pod in (pod for item in objects(render(profile)) for pod in pods(item)):
        for container in (one for one in pod["spec"]["containers"] if one["name"] != "tls"):
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert named - {"/var/cache/earwitness/models"} <= mounted, container["name"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_serve_configuration_names_what_there_is(profile: str) -> None:
    """Import paths, servicers, gRPC functions and the keys of each service's configuration."""
    for item in ray_services(profile):
        config = yaml.safe_load(item["spec"]["serveConfigV2"])
        for function in config["grpc_options"]["grpc_servicer_functions"]:
            module, _, name = function.rpartition(".")
            assert callable(getattr(importlib.import_module(module), name)), function
        (application,) = config["applications"]
        kind = item["metadata"]["labels"]["app.kubernetes.io/component"]
        assert application["name"] == kind
        module, _, name = application["import_path"].partition(":")
        assert callable(getattr(importlib.import_module(module), name))
        (deployment,) = application["deployments"]
        assert hasattr(importlib.import_module(f"services.{kind}.servicer"), deployment["name"])
        cls = getattr(importlib.import_module(f"services.{kind}.config"), f"{kind.capitalize()}Config")
        convert(cls, application["args"])


def test_ray_takes_every_serve_configuration() -> None:
    """In a process of its own: Ray starts threads at import."""
    texts = [item["spec"]["serveConfigV2"] for profile in PROFILES for item in ray_services(profile)]
    code = (
        "import json, sys, yaml\nfrom ray.serve.schema import ServeDeploySchema\n"
        "for text in json.load(sys.stdin):\n"
        "    taken = ServeDeploySchema.model_validate(yaml.safe_load(text))\n"
        "    scaling = taken.applications[0].deployments[0].autoscaling_config\n"
        "    assert not isinstance(scaling, dict) or scaling['policy']['policy_function'] == sys.argv[1]\n"
        "print('taken')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, POLICY], input=json.dumps(texts), capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "taken", done.stderr


def test_pods_and_one_machine_tell_ray_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    cluster._prepare_environment(cluster.ClusterConfig())
    here = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    (container, *_) = ray_services("cpu")[0]["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"][
        "containers"
    ]
    there = {each["name"]: each.get("value") for each in container["env"]}
    assert here.items() <= there.items()


def test_the_evaluator_is_told_what_it_knows() -> None:
    found = objects(render("cpu"))
    config = next(item for item in found if item["kind"] == "ConfigMap" and "evaluator.yaml" in item["data"])
    asked = convert(EvaluatorConfig, yaml.safe_load(config["data"]["evaluator.yaml"]))
    assert asked.llm == "earwitness-llm-serve-svc.sound.svc:9443"
    deployment = next(item for item in found if item["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": serve.PORT, "metrics": serve.METRICS_PORT, "web": web.PORT}
    assert asked.web_port == web.PORT
    assert str(asked.web_token_file) in container_paths(deployment)


def container_paths(deployment: Tree) -> set[str]:
    """The files that a pod has from secrets."""
    spec = deployment["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}"
        for volume in spec["volumes"]
        for item in volume.get("secret", {}).get("items", [])
    }


def ports_of(found: list[Tree], kind: str, name: str) -> set[int]:
    item = next(item for item in found if item["kind"] == kind and item["metadata"]["name"] == name)
    rules = item["spec"]["ports"] if kind == "Service" else item["spec"]["ingress"][0]["ports"]
    return {each["port"] for each in rules}


def test_the_pages_stand_behind_the_door_or_nowhere() -> None:
    """In clear text they have a port of their own, behind TLS the sidecar's."""
    for settings, door in (((), 8443), (("tls.enabled=false",), web.PORT)):
        found = objects(render("cpu", *settings))
        assert door in ports_of(found, "Service", "earwitness-evaluator")
        assert door in ports_of(found, "NetworkPolicy", "earwitness-doors")
        assert door == web.PORT or web.PORT not in ports_of(found, "NetworkPolicy", "earwitness-doors")
    without = objects(render("cpu", "evaluator.config.web_port=null"))
    assert ports_of(without, "Service", "earwitness-evaluator") == {9443, 9002}
    maps = {item["metadata"]["name"]: item["data"] for item in without if item["kind"] == "ConfigMap"}
    assert "8443" not in maps["earwitness-tls-evaluator"]["haproxy.cfg"]
    assert "8443" in maps["earwitness-tls-models"]["haproxy.cfg"]
    assert "web_" not in maps["earwitness-evaluator"]["evaluator.yaml"]


def test_the_schema_knows_every_key_of_the_evaluator() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    keys = set(schema["properties"]["evaluator"]["properties"]["config"]["properties"])
    assert keys == {field.name for field in dataclasses.fields(EvaluatorConfig)} - {"ledger"}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_cluster_commands_read_what_the_chart_writes(profile: str) -> None:
    found = ray_services(profile)
    models = [_model(item, "sound") for item in found]
    evaluator = next(
        item for item in objects(render(profile)) if item["kind"] == "ConfigMap" and "sweep.yaml" in item["data"]
    )
    sweep = yaml.safe_load(evaluator["data"]["sweep.yaml"])
    assert {each["llm"] for each in sweep["backbones"]} == {model.name for model in models if model.kind == "llm"}
    assert all(model.address.endswith(".sound.svc:9443") for model in models)


@pytest.mark.parametrize("release", ["earwitness", "team", "my-earwitness-for-the-whole-company"])
def test_the_trainer_s_template_is_found_by_the_release(release: str) -> None:
    found = objects(render("cpu", release=release))
    held = next(item for item in found if "rayjob.yaml" in (item.get("data") or {}))
    assert held["metadata"]["name"] == jobs.template_name(release)
    assert held["data"]["llm"].endswith(":9443")


def test_the_role_has_what_the_commands_ask_and_no_more() -> None:
    role = next(item for item in objects(render("cpu")) if item["kind"] == "Role")
    rights = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert ("rayservices", "patch") in rights
    assert ("rayjobs", "create") in rights
    assert not [resource for resource, _ in rights if resource == "secrets"]
    assert not [item for item in objects(render("cpu")) if item["kind"].startswith("Cluster")]
