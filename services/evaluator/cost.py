"""What answers cost: prices by name, and the dollars and GPU-seconds of what was used.

Vendors charge for tokens and seconds of audio, one's own machines for the hours that their GPUs are held. Prices are
data with a source and a date, in `prices.yaml` and in a file of the reader's own; none is built in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from earwitness import config
from earwitness.errors import InvalidInput, NotFound

BUNDLED = Path(__file__).with_name("prices.yaml")
MILLION = 1e6
HOUR_S = 3600.0


class Spending(Protocol):
    """What a run used."""

    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def audio_s(self) -> float:
        """Seconds of audio that were given to the captioner in the cascade, to the LALM in the audio setting."""
        ...

    @property
    def wall_s(self) -> float: ...
    @property
    def captions(self) -> int:
        """How many of them were newly made."""
        ...


class Payer(Protocol):
    """A backbone or a captioner."""

    @property
    def name(self) -> str: ...
    @property
    def price(self) -> str:
        """A key of the price file; "" where nobody said."""
        ...

    @property
    def gpus(self) -> float: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A payer of which no more is known."""

    name: str
    price: str = ""
    gpus: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a run used, as a value."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    captions: int = 0
    caption_tokens: int = 0
    """Written by the captioner; a finished run does not know them, an estimate does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What a model costs, in US dollars; what is not charged for stays at 0."""

    source: str
    """Where the price stands, such as a page's address."""
    date: str
    """When it stood there, as YYYY-MM-DD."""
    prompt_per_million: float = 0.0
    completion_per_million: float = 0.0
    audio_per_second: float = 0.0
    gpu_hour: float = 0.0
    """Of one GPU."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Dollars and GPU-seconds. They add up; dollars that are unknown make the sum unknown."""

    usd: float | None = 0.0
    """None where a price is missing."""
    gpu_s: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        known = self.usd is not None and other.usd is not None
        return Cost(usd=(self.usd or 0.0) + (other.usd or 0.0) if known else None, gpu_s=self.gpu_s + other.gpu_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Prices by key."""

    entries: Mapping[str, Price] = field(default_factory=dict[str, Price])

    @classmethod
    def load(cls, file: Path | None = None) -> "Prices":
        """Returns the bundled prices with those of `file` over them.

        Raises NotFound for a file that does not exist, UnknownKey or InvalidInput, with the key, for what is no price.
        """
        entries: dict[str, Price] = {}
        for path in (BUNDLED, file):
            tree = cast(dict[str, Any], config.load(dict, path)) if path else {}
            unknown = [key for key in tree if key != "prices"]
            if unknown:
                raise InvalidInput("there is no such key", unknown[0], "put the entries under `prices`")
            for key, entry in cast(dict[str, Any], tree.get("prices") or {}).items():
                entries[key] = _price(entry, f"prices.{key}")
        return cls(entries=entries)

    def of(self, payer: Payer) -> Price | None:
        """Returns what a model costs, None where nobody said; raises NotFound for a key that is not there."""
        if not payer.price:
            return None
        if payer.price not in self.entries:
            known = ", ".join(self.entries) or "none yet: give a file with --prices"
            raise NotFound(f"there is no price {payer.price!r} (of {payer.name})", "price", f"known: {known}")
        return self.entries[payer.price]

    def cost(self, usage: Spending, backbone: Payer, captioner: Payer | None = None) -> Cost:
        """Returns what a run cost.

        With a captioner (the cascade) that made any caption, the audio and its GPUs are charged at its price; without
        one, the audio is charged at the backbone's. GPUs are held for the whole of `wall_s`.
        """
        total = self._share(
            backbone,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            audio_s=0.0 if captioner else usage.audio_s,
            wall_s=usage.wall_s,
        )
        if captioner is None or not usage.captions:
            return total
        written = usage.caption_tokens if isinstance(usage, Spent) else 0
        return total + self._share(
            captioner, prompt_tokens=0, completion_tokens=written, audio_s=usage.audio_s, wall_s=usage.wall_s
        )

    def _share(
        self, payer: Payer, *, prompt_tokens: int, completion_tokens: int, audio_s: float, wall_s: float
    ) -> Cost:
        price, gpu_s = self.of(payer), payer.gpus * wall_s
        if price is None:
            return Cost(usd=None, gpu_s=gpu_s)
        tokens = prompt_tokens * price.prompt_per_million + completion_tokens * price.completion_per_million
        usd = tokens / MILLION + audio_s * price.audio_per_second + gpu_s / HOUR_S * price.gpu_hour
        return Cost(usd=usd, gpu_s=gpu_s)


def by_benchmark(costs: Iterable[tuple[str, str, Cost]]) -> dict[tuple[str, str], Cost]:
    """Adds up costs, each with its backbone and benchmark, per backbone and benchmark."""
    total: dict[tuple[str, str], Cost] = {}
    for backbone, benchmark, cost in costs:
        total[backbone, benchmark] = total.get((backbone, benchmark), Cost()) + cost
    return total


def _price(entry: object, key: str) -> Price:
    if not isinstance(entry, Mapping):
        raise InvalidInput("is no group of keys", key, "give source, date and a price, as in the bundled prices.yaml")
    tree = dict(cast(Mapping[str, Any], entry))
    tree |= {"source": tree.get("source") or "", "date": str(tree.get("date") or "")}  # YAML reads an ISO date as one
    price = config.convert(Price, tree, f"{key}.")
    for name in ("prompt_per_million", "completion_per_million", "audio_per_second", "gpu_hour"):
        if getattr(price, name) < 0:
            raise InvalidInput("must not be negative", f"{key}.{name}")
    for name in ("source", "date"):
        if not getattr(price, name):
            raise InvalidInput("is empty", f"{key}.{name}", "say where the price stands, and when you read it there")
    return price
