"""What a run is made of, and by what code: its name, and what its checkpoints carry."""

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from earwitness import __version__
from services.trainer.config import TrainConfig, recipe

ROOT = Path(__file__).parents[2]
CODE = ("earwitness", "services/trainer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """Data, weights and settings: whatever changes the losses. Another lineage is another run."""

    data: dict[str, str]
    """SHA-256 of the rows, and of the corpus's manifest, which holds the hash of every clip."""
    weights: dict[str, str]
    """Fingerprints of encoder and LLM, as `earwitness.models.fingerprint` has them."""
    settings: dict[str, object]

    @property
    def run(self) -> str:
        """The run's name."""
        parts = [self.data, self.weights, self.settings]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def card(self) -> dict[str, object]:
        """Returns what a checkpoint carries of it, and of the code, as JSON values.

        The code is not part of the name: a run goes on under a mended program, and its checkpoints say which.
        """
        return {
            "run": self.run,
            "data": self.data,
            "weights": self.weights,
            "settings": self.settings,
            "code": {"earwitness": __version__, "sha256": _code(), **_versions()},
        }


def lineage_of(config: TrainConfig, rows_folder: Path, audio_folder: Path, models: dict[str, Path]) -> Lineage:
    """Returns a run's lineage. A missing file has the hash "": whoever reads it will say so."""
    from earwitness.models import fingerprint

    files = {
        "train_rows": rows_folder / "train.jsonl",
        "held_out_rows": rows_folder / "held_out.jsonl",
        "manifest": audio_folder / "manifest.jsonl",
    }
    return Lineage(
        data={name: _digest([path]) if path.is_file() else "" for name, path in files.items()},
        weights={name: fingerprint(folder) for name, folder in models.items()},
        settings=recipe(config),
    )


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


def _code() -> str:
    return _digest(path for package in CODE for path in sorted((ROOT / package).rglob("*.py")))


def _versions() -> dict[str, str]:
    """Returns the versions of the libraries that compute."""
    import torch
    import transformers

    return {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__}
