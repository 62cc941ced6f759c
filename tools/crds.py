"""Takes from KubeRay's CRDs what the chart's tests need: `python -m tools.crds VERSION FOLDER` fills tests/helm/crds.

FOLDER holds `ray.io_rayservices.yaml` and `ray.io_rayjobs.yaml`, as in ray-operator/config/crd/bases of the KubeRay
repository (Apache-2.0). Descriptions go, and so do the schemas of pods, which Kubernetes' own schemas check: three
megabytes become sixty kilobytes. Objects get `additionalProperties: false`, as the API server refuses unknown fields.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

import yaml

KINDS = ("rayservices", "rayjobs")
OUT = Path(__file__).parents[1] / "tests" / "helm" / "crds"
POD = {"type": "object", "properties": {"metadata": {"type": "object"}, "spec": {"type": "object"}}}


def schema(crd: dict[str, Any]) -> Any:
    """Returns the schema of version v1 of a CRD, reduced."""
    version = next(each for each in crd["spec"]["versions"] if each["name"] == "v1")
    reduced = _reduced(version["schema"]["openAPIV3Schema"])
    reduced["properties"] = {**reduced["properties"], "metadata": {"type": "object"}, "status": {"type": "object"}}
    return reduced


def _reduced(node: Any) -> Any:
    if isinstance(node, list):
        return [_reduced(each) for each in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    tree = cast(dict[str, Any], node)
    if "containers" in tree.get("properties", {}).get("spec", {}).get("properties", {}):
        return POD
    if tree.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {
        key: {name: _reduced(each) for name, each in value.items()} if key == "properties" else _reduced(value)
        for key, value in tree.items()
        if key not in ("description", "format", "default") and not key.startswith("x-kubernetes")
    }
    if "properties" in kept and not tree.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    return kept


def main() -> None:
    """Writes the schemas of one release."""
    version, folder = sys.argv[1], Path(sys.argv[2])
    for plural in KINDS:
        crd = yaml.safe_load((folder / f"ray.io_{plural}.yaml").read_text())
        text = json.dumps(schema(crd), indent=1, sort_keys=True)
        target = OUT / version / f"{plural}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
