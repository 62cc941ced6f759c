"""The plain manifests in k8s/ are what the chart makes."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tools import helm, manifests

K8S = manifests.OUT


def test_the_manifests_are_what_the_chart_makes() -> None:
    binary = helm.find()
    if binary is None:
        pytest.skip("no helm: `python -m tools.helm` fetches it")
    for name, text in manifests.rendered(binary).items():
        assert (K8S / name).read_text() == text, "run `python -m tools.manifests`"


@pytest.mark.parametrize("path", sorted(K8S.glob("*.yaml")), ids=lambda path: path.name)
def test_every_manifest_is_yaml_with_a_kind(path: Path) -> None:
    assert all(item["kind"] for item in yaml.safe_load_all(path.read_text()) if item)


def test_the_script_that_makes_secrets_is_bash() -> None:
    subprocess.run(["bash", "-n", str(K8S / "secrets.sh")], check=True)
