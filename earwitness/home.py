"""The folder in which Earwitness keeps what it can make again: converted models and digests of large files.

Nothing that a user paid for lies here; deleting the folder costs time only.
"""

import os
from pathlib import Path

import platformdirs

from earwitness.errors import NotReady


def home() -> Path:
    """The root: `EARWITNESS_HOME`, or the user's cache folder of the platform. It need not exist yet."""
    if chosen := os.environ.get("EARWITNESS_HOME"):
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("earwitness")


def models_folder() -> Path:
    """Where embedded models stand once they are converted, one folder each; made if it is missing."""
    return _made(home() / "models")


def digests_folder() -> Path:
    """Where the digests of large files are remembered, one small file each; made if it is missing."""
    return _made(home() / "digests")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotReady(
            f"{folder} cannot be made: {error.strerror}",
            field="EARWITNESS_HOME",
            remedy="set it to a folder that can be written",
        ) from error
    return folder
