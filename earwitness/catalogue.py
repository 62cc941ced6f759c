"""Every system of the paper (arXiv:2603.19195), as data in `earwitness/catalogue.yaml`, and how it starts.

A system is found by its name, and becomes the service that runs it with that service's settings. Endpoints of vendors
stand in `earwitness/endpoints.yaml`; published scores are the evaluator's. Nothing is loaded or downloaded here.
"""

import difflib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from earwitness import config
from earwitness.errors import InvalidInput, NotFound

FILE = Path(__file__).parent / "catalogue.yaml"

Kind = Literal["llm", "lalm", "captioner"]
GROUPS: dict[str, tuple[Kind, str]] = {
    "open": ("llm", "Open LLMs"),
    "proprietary": ("llm", "Proprietary LLMs"),
    "published": ("lalm", "Published LALMs"),
    "trained": ("lalm", "Trained LALMs"),
    "captioners": ("captioner", "Captioners"),
}
"""The sections of the file: what their systems are, and a title."""

SEE_CARD = "see the model card"
_DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cache:
    """The shape of a key-value cache."""

    layers: int
    heads: int
    """Of keys, and as many of values."""
    width: int
    """Of a head."""


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """One system of the paper."""

    name: str
    group: str
    """A key of `GROUPS`."""
    row: str = ""
    """Its row in the paper's tables, where that is not its name."""
    family: str = ""
    """Systems of one vendor's generation, or made from one backbone."""
    engine: Literal["vllm", "openai", "desta", "whisper", "none"]
    """`none` is a row of results, and no system that starts."""
    source: str = ""
    """A hub id, or for `openai` a name in `endpoints.yaml`; "" where a checkpoint of one's own is trained first."""
    assumed: str = ""
    """Why this source is taken, where the paper does not state one."""
    architecture: str = ""
    """As `config.json` names it."""
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """Of the weights as they are published, and as they run on a GPU. `float32`: as Earwitness runs them everywhere."""
    parameters: int = 0
    """0 where nobody but the vendor knows, or where they are those of backbone, encoder and connector."""
    parameters_from: str = ""
    """Where the number is from, if not counted."""
    cache: Cache | None = None
    context_tokens: int = 0
    """What the model was made for. A service serves less by default: see `VllmOptions.max_model_len`."""
    placeholder: str = ""
    """What stands for clip `{n}` in the prompt of an audio model in vLLM."""
    backbone: str = ""
    """The catalogue's LLM inside a DeSTA model."""
    encoder: str = ""
    """The hub id of the Whisper inside a DeSTA model."""
    embeddings: tuple[int, int] | None = None
    """The shape of the table of input embeddings, tokens by width; of the backbones of DeSTA models."""
    licence: str = ""
    """Of the weights: an SPDX identifier or a licence's own name."""
    gated: bool = False
    """Whether the hub wants its terms accepted first."""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """What its service is told besides engine and model, by dotted key."""
    quirks: tuple[str, ...] = ()
    """What its template and its engine do that one would not expect."""
    gpus: int = 1
    """How many the weights are spread over; of a system that runs elsewhere, none."""

    @property
    def kind(self) -> Kind:
        """What it is, which is also the service that runs it."""
        return GROUPS[self.group][0]

    @property
    def published_as(self) -> str:
        """Its row in the paper's tables."""
        return self.row or self.name

    @property
    def terms(self) -> str:
        """The licence, or where to find it."""
        if self.engine in ("openai", "none"):
            return "the vendor's terms" if self.engine == "openai" else ""
        if self.group == "trained":
            return f"{find(self.backbone).terms} (the backbone's)"
        return self.licence or SEE_CARD

    @property
    def bytes_per_parameter(self) -> int:
        """Of the weights in memory."""
        return _DTYPE_BYTES[self.dtype]


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """A service, and the settings that make it run a system."""

    service: Kind
    settings: dict[str, str]
    """By dotted key."""
    before: tuple[str, ...] = ()
    """Command lines that make or fetch what the settings name."""

    @property
    def changes(self) -> list[str]:
        """The settings as `key=value`, as `earwitness.config.load` and `--set` take them."""
        return [f"{key}={value}" for key, value in self.settings.items()]

    @property
    def command(self) -> str:
        """The command line that serves the system."""
        parts = [f"--set {shlex.quote(change)}" for change in self.changes]
        return " ".join([f"earwitness serve {self.service}", *parts])


@cache
def systems() -> tuple[System, ...]:
    """Returns the catalogue in the order of its file.

    Raises:
        UnknownKey, InvalidInput: an entry has a key that does not exist, or a wrong value.
    """
    return tuple(_read())


def find(name: str) -> System:
    """Finds a system by its name, in any case; raises NotFound with names that come close."""
    known = {system.name.lower(): system for system in systems()}
    if found := known.get(name.lower()):
        return found
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(known[each].name for each in close)}? " if close else ""
    raise NotFound(f"the catalogue has no {name!r}", "system", f"{hint}`earwitness models` lists all")


def resolve(name: str) -> Launch:
    """Returns what serves a system: its settings go before those of a user, who may change any of them.

    Raises:
        NotFound: there is no such system.
        InvalidInput: it is a row of results, and no system that starts.
    """
    system = find(name)
    match system.engine:
        case "none":
            raise InvalidInput(f"{system.name} is a row of results, not a system that starts", "system")
        case "whisper":
            model = {"whisper": system.source}
        case "desta":
            model = {"checkpoint": f"./{system.name}/checkpoint" if system.group == "trained" else f"./{system.name}"}
        case "vllm" | "openai":
            model = {"model": system.source}
    settings = {"engine": system.engine, **model, **system.settings}
    return Launch(service=system.kind, settings=settings, before=_preparation(system))


def _preparation(system: System) -> tuple[str, ...]:
    if system.engine != "desta":
        return ()
    if system.group != "trained":
        return (f"hf download {system.source} --local-dir {system.name}",)
    llm = resolve(system.backbone)
    run = f"earwitness train run ROWS CORPUS {system.name} --set steps=STEPS"
    chosen = " ".join(
        f"--set {key}={value}" for key, value in (("llm", llm.settings["model"]), ("encoder", system.encoder))
    )
    return (
        f"{llm.command} &",
        "earwitness train corpus CORPUS",
        "earwitness train distil CORPUS/manifest.jsonl ROWS",
        f"{run} {chosen}",
    )


def _read() -> Iterator[System]:
    tree = config.load(dict[str, dict[str, dict[str, Any]]], FILE)
    for group, entries in tree.items():
        if group not in GROUPS:
            raise InvalidInput(f"is no section of {FILE.name}", group, f"they are {', '.join(GROUPS)}")
        for name, entry in entries.items():
            whole = {"name": name, "group": group, "gpus": 0 if entry.get("engine") in ("openai", "none") else 1}
            yield config.convert(System, whole | entry, origin=f"{group}.{name}.")
