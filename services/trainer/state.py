"""The checkpoints of a training run, from which it goes on after it was killed: each whole or absent.

    step-00000500/
      model.safetensors, config.json   what trains and its settings, as `earwitness.desta.checkpoint` has them: servable
      optimizer.safetensors            AdamW's moments
      state.json                       step, position in the data, held-out loss
      curve.jsonl                      the curve up to here

The learning rate, the order of the examples and all randomness are functions of the step and the seed, so that the step
is their whole state; the position is there to be read, and is checked. Heavy: imports torch.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from earwitness.desta import adapters, checkpoint, disk
from earwitness.desta.config import DestaConfig, EncoderShape
from earwitness.desta.connector import Connector
from earwitness.errors import InvalidInput
from services.trainer.batches import Position
from services.trainer.mirror import Mirror

OPTIMIZER, STATE, CURVE = "optimizer.safetensors", "state.json", "curve.jsonl"
PARTIAL = ".partial"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What a checkpoint says of its run."""

    step: int
    next: Position
    """Of the step that comes after it."""
    held_out: float | None = None


class TrainState:
    """The checkpoints below one folder: the newest ones, and the best by the held-out loss."""

    def __init__(
        self,
        folder: Path,
        desta: DestaConfig,
        encoder: EncoderShape,
        llm_width: int,
        *,
        keep_last: int = 2,
        mirror: Mirror | None = None,
    ) -> None:
        self._folder = folder
        self._desta = desta
        self._encoder = encoder
        self._llm_width = llm_width
        self._keep_last = keep_last
        self._mirror = mirror

    def save(
        self,
        reached: Reached,
        connector: Connector,
        optimizer: torch.optim.Optimizer,
        extra: Mapping[str, object] | None = None,
        *,
        llm: nn.Module | None = None,
        curve: Path | None = None,
    ) -> Path:
        """Writes a checkpoint, which appears under its name in one rename; then drops those that are not kept.

        `llm` is asked for its adapters; what else is in it never changes.
        """
        partial = self._folder / PARTIAL
        shutil.rmtree(partial, ignore_errors=True)
        adapter = adapters.tensors(llm) if llm else None
        checkpoint.save(partial, connector, self._desta, {**(extra or {}), "step": reached.step}, adapter=adapter)
        disk.write(_tensors(optimizer), partial / OPTIMIZER)
        (partial / STATE).write_bytes(msgspec.json.encode(reached))
        if curve is not None and curve.is_file():
            shutil.copyfile(curve, partial / CURVE)
        for path in (*partial.iterdir(), partial):
            disk.sync(path)
        place = self._folder / name_of(reached.step)
        shutil.rmtree(place, ignore_errors=True)  # of another run of the same settings, or one that was rolled back
        partial.rename(place)
        disk.sync(self._folder)
        if self._mirror:
            self._mirror.put(place)
        self._prune()
        return place

    def resume(
        self,
        connector: Connector,
        optimizer: torch.optim.Optimizer,
        *,
        llm: nn.Module | None = None,
        step: int | None = None,
    ) -> int:
        """Puts a checkpoint in place, the newest one unless a step is named; returns its step, 0 where there is none.

        Raises InvalidInput for a damaged one.
        """
        if not (step := self.newest() if step is None else step):
            return 0
        place = self._folder / name_of(step)
        loaded, adapter = checkpoint.load(place, self._encoder, self._llm_width)
        connector.load_state_dict(loaded.state_dict())
        if llm is not None:
            adapters.fill(llm, adapter)
        try:
            tensors = load_file(place / OPTIMIZER)
        except (SafetensorError, OSError) as error:
            raise InvalidInput(f"is damaged: {error}", str(place / OPTIMIZER), "delete this checkpoint") from None
        _restore(optimizer, tensors)
        return step

    def newest(self) -> int:
        """Returns the step of the newest checkpoint, 0 where none is; fetches what only the mirror has."""
        here = {path.name for path in self._saved()}
        for name in self._mirror.names() if self._mirror else ():
            if self._mirror and name not in here:
                self._mirror.get(name, self._folder)
        return max((int(path.name.removeprefix("step-")) for path in self._saved()), default=0)

    def best(self) -> Path | None:
        """Returns the checkpoint with the least held-out loss, the later of two; None where none has one."""
        measured = [(loss, path) for path in self._saved() if (loss := read(path).held_out) is not None]
        return min(reversed(measured), default=(0.0, None), key=lambda each: each[0])[1]

    def curve(self, step: int) -> Path:
        """Returns the curve that a checkpoint carries."""
        return self._folder / name_of(step) / CURVE

    def _prune(self) -> None:
        kept = {*self._saved()[-self._keep_last :], self.best()}
        for path in self._saved():
            if path not in kept:
                # Renamed first: a checkpoint that is half deleted would be taken for a whole one.
                gone = path.with_name(f".{path.name}.gone")
                path.rename(gone)
                shutil.rmtree(gone)
                if self._mirror:
                    self._mirror.delete(path.name)
        for gone in self._folder.glob(".step-*.gone"):
            shutil.rmtree(gone, ignore_errors=True)

    def _saved(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))


def name_of(step: int) -> str:
    """Returns the folder's name of a step's checkpoint."""
    return f"step-{step:08d}"


def read(place: Path) -> Reached:
    """Returns what a checkpoint says of its run; raises InvalidInput for one that lacks it."""
    try:
        return msgspec.json.decode((place / STATE).read_bytes(), type=Reached)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"is damaged: {error}", str(place / STATE), "delete this checkpoint") from None


def _tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state: dict[int, dict[str, torch.Tensor]] = optimizer.state_dict()["state"]
    return {f"{index}.{name}": tensor.contiguous() for index, each in state.items() for name, tensor in each.items()}


def _restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": dict(sorted(state.items())), "param_groups": groups})
