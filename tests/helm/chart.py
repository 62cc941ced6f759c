"""The chart, rendered by the real helm, as Python trees."""

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import helm

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "earwitness"
REGISTRY = "registry.example.com/team"
MONITORING = ("--api-versions", "monitoring.coreos.com/v1", "--api-versions", "ray.io/v1/RayService")
PROFILES: dict[str, tuple[str, ...]] = {
    "default": (),
    "cpu": ("values-cpu.yaml",),
    "gpu": ("values-gpu.yaml",),
    "paper": ("values-gpu.yaml", "values-paper.yaml"),
}
Tree = dict[str, Any]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    binary = helm.find()
    if binary is None:
        pytest.skip("no helm: `python -m tools.helm` fetches it")
    return subprocess.run([str(binary), *arguments], capture_output=True, text=True, check=False)


def given(profile: str, settings: Sequence[str] = ()) -> list[str]:
    """The arguments that choose a profile and set values, the registry among them."""
    files = [word for name in PROFILES[profile] for word in ("--values", str(CHART / name))]
    return [*files, *(word for each in (f"image.registry={REGISTRY}", *settings) for word in ("--set", each))]


@cache
def render(
    profile: str = "default", *settings: str, release: str = "earwitness", extra: tuple[str, ...] = MONITORING
) -> str:
    done = run("template", release, str(CHART), "--namespace", "sound", *given(profile, settings), *extra)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(*settings: str, profile: str = "default") -> str:
    """What helm says to values that it does not take."""
    done = run("template", "earwitness", str(CHART), *given(profile, settings))
    assert done.returncode != 0, "helm took it"
    return done.stderr


def objects(text: str) -> list[Tree]:
    """The objects, that of the trainer's template among them."""
    found = [each for each in yaml.safe_load_all(text) if each]
    templates = [each["data"]["rayjob.yaml"] for each in found if "rayjob.yaml" in (each.get("data") or {})]
    return [*found, *map(yaml.safe_load, templates)]


def pods(item: Tree) -> list[Tree]:
    """The pods that an object makes, as Pod objects."""
    spec = item.get("spec", {})
    if item["kind"] == "Pod":
        return [item]
    cluster = spec.get("rayClusterConfig") or spec.get("rayClusterSpec")
    templates = [spec["template"]] if item["kind"] == "Deployment" else []
    if cluster:
        groups = [cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])]
        templates = [group["template"] for group in groups]
    if "submitterPodTemplate" in spec:
        templates.append(spec["submitterPodTemplate"])
    return [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": each["spec"]} for each in templates]
