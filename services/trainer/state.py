"""The state of a training run, from which it goes on after it was killed: whole or absent. Heavy: imports torch."""

import os
import shutil
from pathlib import Path

import torch

from earwitness.desta import checkpoint
from earwitness.desta.config import DestaConfig, EncoderShape
from earwitness.desta.connector import Connector

OPTIMIZER = "optimizer.pt"


class TrainState:
    """Saved steps below one folder; the newest counts, and older ones are deleted once it stands."""

    def __init__(self, folder: Path, desta: DestaConfig, encoder: EncoderShape, llm_width: int) -> None:
        self._folder = folder
        self._desta = desta
        self._encoder = encoder
        self._llm_width = llm_width

    def save(self, step: int, connector: Connector, optimizer: torch.optim.Optimizer) -> None:
        """Writes connector and optimizer; they appear under their name in one rename."""
        partial = self._folder / ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        checkpoint.save(partial, connector, self._desta, {"step": step})
        with (partial / OPTIMIZER).open("wb") as file:
            torch.save(optimizer.state_dict(), file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._folder / f"step-{step:08d}")
        for older in self._saved()[:-1]:
            shutil.rmtree(older)

    def resume(self, connector: Connector, optimizer: torch.optim.Optimizer) -> int:
        """Puts the newest saved state in place and returns its step, 0 where there is none."""
        saved = self._saved()
        if not saved:
            return 0
        loaded = checkpoint.load_connector(saved[-1], self._encoder, self._llm_width)
        connector.load_state_dict(loaded.state_dict())
        optimizer.load_state_dict(torch.load(saved[-1] / OPTIMIZER, weights_only=True))
        return int(saved[-1].name.removeprefix("step-"))

    def _saved(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))
