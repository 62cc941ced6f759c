"""A model's identity: all that can change an answer, as one fingerprint that results are keyed by."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Which model answers."""

    model: str
    """As it was asked for: hub id with revision, folder name, or embedded name."""
    fingerprint: str
    """SHA-256, hex."""
    engine: str
    """Name and version."""
    dtype: str
    context_tokens: int
    """0 where there is no limit."""
    weights: str
    """SHA-256 (hex) of weights, tokenizer and template alone: an LLM and the LALM made from it share it."""
    lineage: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """Where a model that was trained here comes from, by name; it has no part in the fingerprint."""


def identify(model: str, folder: Path, *, engine: str, dtype: str, context_tokens: int = 0, **parts: str) -> Identity:
    """Identifies the model in `folder` as `engine` runs it; `parts` are further things that change answers."""
    from earwitness.models import fingerprint

    weights = fingerprint(folder)
    stated = [weights, engine, dtype, str(context_tokens)]
    stated += [f"{name}={value}" for name, value in sorted(parts.items()) if value]
    return Identity(
        model=folder.name if Path(model).is_dir() else model,
        fingerprint=hashlib.sha256("\0".join(stated).encode()).hexdigest(),
        engine=engine,
        dtype=dtype,
        context_tokens=context_tokens,
        weights=weights,
    )
