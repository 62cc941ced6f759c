"""How much memory a system of the catalogue needs, as arithmetic that can be shown."""

from dataclasses import dataclass

from earwitness.catalogue import System, find

CONVERSATIONS, TOKENS = 64, 1024
"""What the cache is reckoned for: as many at once as vLLM runs here by default, each of caption, question, answer."""
GPU_GB = (24, 48, 80, 141)
"""Sizes of GPUs that data centres have: L4 and A10, L40S and A6000, A100 and H100, H200."""
USABLE = 0.9
"""The share that vLLM fills: `VllmOptions.gpu_memory_utilization`."""
ENCODER = 636_968_960
"""Parameters of Whisper-large-v3's encoder."""
CONNECTOR = (126_293_248, 1281)
"""Parameters of DeSTA2.5's connector on that encoder: fixed, and more for each unit of the language model's width."""
_WHISPER = "Whisper-large-v3"
_BILLION = 1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class Footprint:
    """Memory in bytes; gigabytes are 10**9 bytes here."""

    weights: int
    cache: int
    """Of `CONVERSATIONS` at once, `TOKENS` each."""
    steps: tuple[str, ...]
    """The arithmetic, line by line."""

    @property
    def total(self) -> int:
        """Weights and cache; activations come on top, out of what is left of the GPU."""
        return self.weights + self.cache

    @property
    def gpu_gb(self) -> int:
        """The smallest GPU of `GPU_GB` whose usable share holds the total; 0 where none does."""
        return next((size for size in GPU_GB if self.total <= USABLE * size * _BILLION), 0)


def footprint(system: System) -> Footprint | None:
    """Reckons a system's memory; None for one that runs elsewhere, or that does not run."""
    if system.engine == "desta":
        return _of_desta(system)
    if not system.parameters:
        return None
    weights = system.parameters * system.bytes_per_parameter
    counted = f" ({system.parameters_from})" if system.parameters_from else ""
    lines = [_product(f"weights: {_count(system.parameters)} parameters{counted}", system.bytes_per_parameter, weights)]
    cache, step = _cache(system)
    return Footprint(weights=weights, cache=cache, steps=(*lines, *step))


def _of_desta(system: System) -> Footprint:
    """The backbone in vLLM, and beside it its input embeddings, encoder, connector and the Whisper that transcribes."""
    llm, whisper = find(system.backbone), find(_WHISPER)
    tokens, width = llm.embeddings or (0, 0)
    connector = CONNECTOR[0] + CONNECTOR[1] * width
    size = llm.bytes_per_parameter
    parts = (
        (f"{llm.name}: {_count(llm.parameters)} parameters", llm.parameters, size),
        (f"its input embeddings once more: {tokens:,} × {width:,}", tokens * width, size),
        (f"Whisper's encoder: {_count(ENCODER)} parameters", ENCODER, size),
        (f"Whisper that transcribes: {_count(whisper.parameters)} parameters", whisper.parameters, 4),
        (f"connector: {_count(connector)} parameters", connector, 4),
    )
    lines = [_product(words, each, number * each) for words, number, each in parts]
    cache, step = _cache(llm)
    return Footprint(weights=sum(number * each for _, number, each in parts), cache=cache, steps=(*lines, *step))


def _cache(system: System) -> tuple[int, tuple[str, ...]]:
    if (shape := system.cache) is None:
        return 0, ()
    per_token = 2 * shape.layers * shape.heads * shape.width * system.bytes_per_parameter
    total = per_token * CONVERSATIONS * TOKENS
    step = (
        f"cache: 2 (keys, values) × {shape.layers} layers × {shape.heads} heads × {shape.width} × "
        f"{system.bytes_per_parameter} bytes = {per_token:,} bytes a token, "
        f"× {CONVERSATIONS} conversations × {TOKENS:,} tokens = {gigabytes(total)}"
    )
    return total, (step,)


def _product(words: str, size: int, total: int) -> str:
    return f"{words} × {size} bytes = {gigabytes(total)}"


def _count(parameters: int) -> str:
    return f"{parameters / _BILLION:.2f} billion" if parameters >= _BILLION else f"{parameters / 1e6:.1f} million"


def gigabytes(size: int) -> str:
    """Writes bytes as gigabytes of 10**9."""
    return f"{size / _BILLION:.1f} GB"
