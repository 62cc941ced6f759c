"""The plain manifests in k8s/, for those who do not install by Helm: `python -m tools.manifests` renders them anew.

They are what the chart makes of the CPU profile, and the RayJob that `earwitness train submit` makes of the chart's.
"""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from services.cli.jobs import DATA, entrypoint_of
from tools import helm

ROOT = Path(__file__).parents[1]
CHART, OUT = ROOT / "helm" / "earwitness", ROOT / "k8s"
NAMESPACE = "earwitness"
REGISTRY = "registry.example.com/team"
STEPS = [
    "corpus corpus --clips 240",
    "distil corpus/manifest.jsonl targets --llm {llm}",
    "run targets corpus lalm --set llm=smollm2-135m-instruct --set encoder=whisper-tiny-en --set steps=40",
]
HEAD = "# Made by `python -m tools.manifests` from the chart, with values-cpu.yaml. Put your registry in place of {}.\n"


def rendered(binary: Path) -> dict[str, str]:
    """Returns the text of every manifest by its name."""
    # Grafana's dashboards are thousands of lines, and for those who have it.
    chosen = (f"image.registry={REGISTRY}", "monitoring.dashboards=false")
    values = ["--values", str(CHART / "values-cpu.yaml"), "--set", ",".join(chosen)]
    command = [str(binary), "template", "earwitness", str(CHART), "--namespace", NAMESPACE, *values]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: list[Any] = [each for each in yaml.safe_load_all(text) if each]
    held = next(each["data"] for each in found if "rayjob.yaml" in (each.get("data") or {}))
    job = yaml.safe_load(held["rayjob.yaml"])
    job["metadata"]["name"] += "-sample"
    job["spec"]["entrypoint"] = entrypoint_of(STEPS, llm=held["llm"])
    kept = [each for each in found if "helm.sh/hook" not in (each["metadata"].get("annotations") or {})]
    return {
        "earwitness-cpu.yaml": HEAD.format(REGISTRY) + yaml.safe_dump_all(kept, sort_keys=False, width=140),
        "rayjob.yaml": f"{HEAD.format(REGISTRY)}# It trains on the volume at {DATA}.\n"
        + yaml.safe_dump(job, sort_keys=False, width=140),
    }


def main() -> None:
    """Writes them."""
    for name, text in rendered(helm.fetch()).items():
        (OUT / name).write_text(text)


if __name__ == "__main__":
    main()
