"""The workers that train together: who this one is, and what they tell each other."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """One of `size` workers; the only one unless told otherwise."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this worker writes, reports and shows what all do."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Returns the sums over all workers, in float64."""
        if self.size == 1:
            return list(values)
        import torch
        from torch import distributed

        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.tolist()

    def agree(self, value: int) -> int:
        """Returns the value that the first worker gives."""
        return round(self.sum([value if self.leads else 0])[0])


def device_of(wanted: str) -> str:
    """Returns `cpu` or `cuda` for a wish of `auto`, `cpu` or `cuda`; raises NotReady for a GPU that is not there."""
    import torch

    from earwitness.errors import NotReady

    if wanted == "cuda" and not torch.cuda.is_available():
        raise NotReady("torch sees no GPU", "device", "install a CUDA build of torch, or set device=cpu")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"
