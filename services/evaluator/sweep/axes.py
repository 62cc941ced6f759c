"""What a sweep file says: the axes that are multiplied into runs, and how each run asks.

Addresses are resolved when the file is read: `host:port` for gRPC, `openai:NAME` for an entry of the endpoint
catalogue, "" for a service that a backbone does not have or that the file leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.evaluator.items import Answering, Control, Setting
from services.evaluator.prompts import DEFAULT, PLAIN

ITEMS_PER_S = 10.0
"""What a service is assumed to answer until it has been measured; it is no claim about any model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backbone:
    """A language model, and the LALM made from it."""

    name: str
    family: str = ""
    """Models that are left out together in a leave-one-family-out check."""
    model: str = ""
    """What the target must serve, as the server names it; "" takes whatever it serves."""
    llm: str = ""
    """Answers text: an address, or a name under `targets` or in the endpoint catalogue."""
    lalm: str = ""
    """Answers audio: likewise; "" where no LALM was made from this backbone."""
    thinking: bool = False
    gpus: float = 0.0
    """GPUs that the backbone occupies while it is asked; 0 for a vendor's endpoint or a CPU."""
    price: str = ""
    """A key of the price file."""
    items_per_s: float = ITEMS_PER_S
    """Assumed until measured."""
    captioners: tuple[str, ...] | None = None
    """Those of the captioner axis that this backbone is asked with; None means all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchmarkChoice:
    """A benchmark by name, where its file is, and which settings it is asked in."""

    name: str
    data: Path | None = None
    """None for a benchmark that comes with Earwitness."""
    overlay: Path | None = None
    """A file that names known-bad items."""
    settings: tuple[Setting, ...] | None = None
    """Those of the sweep's settings that it is asked in; None means all that it can be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Captioner:
    """What turns a clip into text for the cascade."""

    name: str
    target: str = ""
    """Likewise; "" looks for the captioner's own name."""
    prompts: tuple[str, ...] = (PLAIN,)
    """Names of caption prompts, blind to the question or aware of it."""
    note: str = ""
    gpus: float = 0.0
    price: str = ""
    items_per_s: float = ITEMS_PER_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoding:
    """How an answer is generated; the seed is an axis of its own."""

    max_tokens: int = 32
    temperature: float = 0.0
    top_p: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """A sweep file. Relative paths count from where the command is started, as on the command line."""

    name: str
    backbones: tuple[Backbone, ...]
    benchmarks: tuple[BenchmarkChoice, ...]
    settings: tuple[Setting, ...] = ("text", "cascade", "audio")
    controls: tuple[Control, ...] = ("none",)
    rotations: tuple[int, ...] = (1,)
    """By how many places the control `shuffle` rotates the options."""
    captioners: tuple[Captioner, ...] = ()
    """Where the key is left out and the cascade is asked, those that the paper compares: see `captioners.yaml`."""
    prompts: tuple[str, ...] = (DEFAULT,)
    answering: tuple[Answering, ...] = ("generate",)
    samples: int = 1
    """How often each item is asked; the n-th sample has the n-th seed."""
    seeds: tuple[int, ...] = ()
    """One per sample; none means 0, 1, 2 ..."""
    sampling: Decoding = field(default_factory=Decoding)
    in_flight: int = 256
    targets: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """Addresses by name. Null leaves out what the name stands for."""
    ledger: str = ""
    """Its URL; "" is SQLite in the folder."""
    out: Path = Path("results")
