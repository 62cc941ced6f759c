"""What the pages can be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.errors import InvalidInput


@dataclass(frozen=True, kw_only=True, slots=True)
class WebConfig:
    """Settings of the pages."""

    results: tuple[Path, ...] = (Path("results"),)
    """Results folders, and folders of a server's output: their `runs/*` are looked into as well."""
    train: tuple[Path, ...] = ()
    """Output folders of trainings."""
    annotations: str = ""
    """The store of annotations: a file, or a URL; "" for none."""
    needed: int = 2
    """People who have to look at each question."""
    token_file: Path | None = None
    """Who may sign in: one token, or a callers file as the services have it; None lets everybody in."""
    data: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Where a benchmark's file or folder lies, by its name, for clips that neither come with Earwitness nor are in its
    store."""
    prices: Path | None = None
    """By backbone, in the form of `prices.yaml`, for what runs cost."""
    gpus: float = 0.0
    """That each backbone is served on; 0 where nobody said."""
    secure: bool = False
    """Whether browsers reach the pages by https, and are to send the cookie over nothing else."""

    def __post_init__(self) -> None:
        if self.needed < 1:
            raise InvalidInput("must be at least 1", "needed")
        if not self.gpus >= 0:
            raise InvalidInput("must be at least 0", "gpus")
