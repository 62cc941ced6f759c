"""The instruction pool: what is asked about a clip. It is data with a version, in `instructions.yaml`."""

import functools
import random
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("instructions.yaml")
KIND_CHOICES = ("speech", "music", "sound")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """The instructions by name."""

    version: int
    instructions: dict[str, str]

    def draw(self, sample_id: str, count: int, seed: int) -> list[str]:
        """Returns `count` different instructions for a sample: always the same for the same sample and seed."""
        source = random.Random(f"{self.version}:{seed}:{sample_id}")
        names = source.sample(sorted(self.instructions), min(count, len(self.instructions)))
        choices = ", ".join(source.sample(KIND_CHOICES, len(KIND_CHOICES)))
        return [self.instructions[name].replace("{choices}", choices) for name in names]


@functools.cache
def pool() -> Pool:
    """Returns the pool that comes with the trainer."""
    import yaml

    data = yaml.safe_load(FILE.read_text())
    return Pool(version=data["version"], instructions=data["instructions"])
