"""`make images` and `make push`: the images of the Dockerfile, named as the chart looks for them.

The tool that builds is `docker`, or what CONTAINER_TOOL names, such as podman. BASE names another base image.
"""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from earwitness import __version__

ROOT = Path(__file__).parents[1]
TARGETS = ("evaluator", "models")
STACKS = ("cpu", "gpu")


def name_of(target: str, registry: str, stack: str, version: str = __version__) -> str:
    """Returns an image's name with its tag; that of a GPU image ends in `-gpu`."""
    tag = version if stack == "cpu" else f"{version}-{stack}"
    return f"{registry.rstrip('/')}/earwitness-{target}:{tag}"


def main() -> None:
    """Builds or pushes; exits with the tool's own status where it fails."""
    options = _parsed()
    tool = shlex.split(os.environ.get("CONTAINER_TOOL", "docker"))
    for target in TARGETS:
        image = name_of(target, options.registry, options.stack)
        command = [*tool, "push", image] if options.action == "push" else [*tool, *_build(target, image, options)]
        print(shlex.join(command), flush=True)
        if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
            sys.exit(status)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=__doc__)
    parser.add_argument("action", choices=("build", "push"))
    parser.add_argument("--registry", required=True, help="such as registry.example.com/team")
    parser.add_argument("--stack", choices=STACKS, default="cpu")
    parser.add_argument("--network", default="", help="of the build, such as host")
    options = parser.parse_args()
    if not options.registry:
        parser.error("--registry: name one: make images REGISTRY=registry.example.com/team")
    return options


def _build(target: str, image: str, options: argparse.Namespace) -> list[str]:
    given = {
        "STACK": options.stack,
        "VERSION": __version__,
        "REVISION": _revision(),
        "BASE": os.environ.get("BASE", ""),
    }
    arguments = [word for key, value in given.items() if value for word in ("--build-arg", f"{key}={value}")]
    network = ["--network", options.network] if options.network else []
    return ["build", *network, "--target", target, "--tag", image, *arguments, "."]


def _revision() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


if __name__ == "__main__":
    main()
