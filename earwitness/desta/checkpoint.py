"""Checkpoints: a folder with what trains, and nothing else.

    model.safetensors   the connector, its tensors named `perception.connector.*` as in the released checkpoint; those
                        of adapters in the LLM, if there are any, are named `llm.*`
    config.json         the model's settings, the tensors' fingerprint, and what the writer adds

A checkpoint is written beside its place and renamed into it: at any moment, and after a crash at any moment, a reader
finds the old one or the new one whole, or none if there was none. One process writes a folder at a time.
`DeSTA-ntu/DeSTA2.5-Audio-*` checkpoints can be read too.

Heavy: imports torch. It knows nothing of encoders, LLMs or optimisers.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from earwitness.desta import disk
from earwitness.desta.config import DestaConfig, EncoderShape, config_from_json
from earwitness.desta.connector import Connector
from earwitness.errors import InvalidInput, NotFound

PREFIX = "perception.connector."
ADAPTER_PREFIX = "llm."
CONFIG_FILE = "config.json"
TENSORS_FILE = "model.safetensors"
_SETTINGS = {"settings", "exported_from"}
"""What the trainer and its export add that says how a model was made, and not of what."""
_RELEASED_KEYS = {
    "encoder": "encoder_model_id",
    "llm": "llm_model_id",
    "num_queries": "prompt_size",
    "qformer_layers": "qformer_num_hidden_layers",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What `config.json` says of a checkpoint."""

    config: DestaConfig
    fingerprint: str | None
    """Of the tensors, see `fingerprint`; None in a checkpoint that Earwitness did not write."""
    extra: Mapping[str, object]
    """What the writer added, such as the step."""
    named: DestaConfig | None = None
    """The settings as they were trained with, where `config` names encoder or LLM by a folder within the checkpoint."""


def fingerprint(connector: Connector, adapter: Mapping[str, Tensor] | None = None) -> str:
    """Returns the SHA-256 (hex) of the tensors: name, dtype, shape and bytes of each, by name."""
    return _digest(_tensors(connector, adapter))


def save(
    folder: Path,
    connector: Connector,
    config: DestaConfig,
    extra: Mapping[str, object],
    *,
    adapter: Mapping[str, Tensor] | None = None,
    more: Mapping[str, object] | None = None,
) -> str:
    """Writes a checkpoint, in place of the one that is there if any, and returns its fingerprint.

    Args:
        folder: of the checkpoint; its parent is made if need be.
        connector: what trains.
        config: the settings of the model that it belongs to.
        extra: JSON values to keep with it.
        adapter: of the LLM, as `earwitness.desta.adapters.tensors` gives it; must be there if `config.lora` is.
        more: keys of `config.json` beside ours.

    Raises:
        InvalidInput: the settings speak of adapters and there are none, or the other way round.
    """
    if bool(adapter) != bool(config.lora):
        raise InvalidInput("settings and adapters do not agree", "lora", "save the adapters of the model that trained")
    tensors = _tensors(connector, adapter)
    digest = _digest(tensors)
    card = {**(more or {}), "desta": config.to_json(), "fingerprint": digest, "extra": dict(extra)}
    partial, previous = _sibling(folder, "partial"), _sibling(folder, "previous")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _settle(folder)
    partial.mkdir()
    disk.write(tensors, partial / TENSORS_FILE)
    (partial / CONFIG_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in (partial / TENSORS_FILE, partial / CONFIG_FILE, partial):
        disk.sync(path)
    if folder.exists():
        folder.rename(previous)
    partial.rename(folder)
    disk.sync(folder.parent)
    shutil.rmtree(previous, ignore_errors=True)
    return digest


def read_card(folder: Path) -> Card:
    """Returns what the checkpoint says of itself; see `read_config` for the errors."""
    path = _find(folder, CONFIG_FILE)
    try:
        values: object = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidInput(f"is not JSON: {error}", str(path)) from None
    if not isinstance(values, dict):
        raise InvalidInput("is not a JSON object", str(path))
    card = cast("dict[str, Any]", values)
    if card.get("model_type") == "desta25":
        return Card(config=_released_config(card, path), fingerprint=None, extra={})
    if not isinstance(card.get("desta"), dict):
        raise InvalidInput("has no settings of a DeSTA model under `desta`", str(path))
    named = config_from_json(card["desta"])
    parts: dict[str, str] = card.get("parts", {})
    places = {part: str((path.parent / parts[part]).absolute()) for part in ("encoder", "llm") if part in parts}
    config = replace(named, **places)
    return Card(config=config, fingerprint=card.get("fingerprint"), extra=card.get("extra", {}), named=named)


def lineage(card: Card) -> dict[str, str]:
    """Returns where a checkpoint comes from, as the trainer wrote it: run, step, hashes of data, weights and code.

    Groups are flat, such as `data.train_rows`; settings, which the run's name stands for, are left out.
    """
    flat: dict[str, str] = {}
    for name in sorted(card.extra.keys() - _SETTINGS):
        value = card.extra[name]
        if isinstance(value, Mapping):
            flat |= {f"{name}.{part}": str(each) for part, each in cast("Mapping[str, object]", value).items()}
        else:
            flat[name] = str(value)
    return flat


def read_config(folder: Path) -> DestaConfig:
    """Returns the settings of the model that a checkpoint belongs to.

    Raises:
        NotFound: no such folder, or no `config.json` in it.
        InvalidInput: the file is damaged, or a setting in it is wrong.
        UnknownKey: a setting in it does not exist.
    """
    return read_card(folder).config


def load(folder: Path, encoder: EncoderShape, llm_width: int) -> tuple[Connector, dict[str, Tensor]]:
    """Returns the connector of a checkpoint, on the CPU, in float32, in evaluation mode, and its LLM's adapters.

    Args:
        folder: of the checkpoint.
        encoder: of the model's encoder.
        llm_width: of the LLM's embeddings.

    Returns:
        The connector, and what `earwitness.desta.adapters.fill` takes: nothing where the LLM has no adapters.

    Raises:
        NotFound: no such folder, or a file is missing.
        InvalidInput: a file is damaged, or a tensor is missing, unexpected or of another shape; the message names it.
    """
    card = read_card(folder)
    path = _find(folder, TENSORS_FILE)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise InvalidInput(f"is damaged: {error}", str(path), "copy the checkpoint again") from None
    if card.fingerprint is not None and _digest(tensors) != card.fingerprint:
        raise InvalidInput("does not have the fingerprint in config.json", str(path), "copy the checkpoint again")
    with torch.device("meta"):
        connector = Connector(card.config, encoder, llm_width)
    adapter: dict[str, Tensor] = {}
    if card.config.lora:
        adapter = {name: tensor for name, tensor in tensors.items() if name.startswith(ADAPTER_PREFIX)}
    state = {name: tensor for name, tensor in tensors.items() if name not in adapter}
    _require_fit(state, _tensors(connector), path)
    connector.load_state_dict({name.removeprefix(PREFIX): each.float() for name, each in state.items()}, assign=True)
    filled = {name.removeprefix(ADAPTER_PREFIX): tensor for name, tensor in adapter.items()}
    return connector.requires_grad_(True).eval(), filled


def _tensors(connector: Connector, adapter: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    own = {f"{PREFIX}{name}": tensor for name, tensor in connector.state_dict().items()}
    own |= {f"{ADAPTER_PREFIX}{name}": tensor for name, tensor in (adapter or {}).items()}
    return {name: tensor.detach().contiguous() for name, tensor in own.items()}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _require_fit(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path) -> None:
    faults = [f"missing {name}" for name in sorted(expected.keys() - found.keys())]
    faults += [f"unexpected {name}" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        if found[name].shape != expected[name].shape:
            faults.append(f"{name} is of shape {list(found[name].shape)}, not {list(expected[name].shape)}")
    if faults:
        rest = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise InvalidInput(
            f"does not fit the model: {'; '.join(faults[:5])}{rest}",
            str(path),
            "check the encoder, the LLM and the settings",
        )


def _released_config(card: Mapping[str, Any], path: Path) -> DestaConfig:
    """Returns the settings in a config.json of kehanlu/DeSTA2.5-Audio (class `DeSTA25Config`)."""
    if card.get("connector_mode") != "qformer_1" or card.get("use_lora"):
        raise InvalidInput("is of a DeSTA model with another connector, or with LoRA", str(path))
    try:
        values = {name: card[key] for name, key in _RELEASED_KEYS.items()}
    except KeyError as error:
        raise InvalidInput(f"lacks {error}", str(path)) from None
    return config_from_json(values | {"dtype": "bfloat16"})


def _find(folder: Path, name: str) -> Path:
    # Between the two renames of `save` the old checkpoint stands beside its place.
    place = folder if folder.exists() else _sibling(folder, "previous")
    path = place / name
    if not path.is_file():
        raise NotFound(f"no {name} in the checkpoint {folder}", str(folder / name), "check the path")
    return path


def _settle(folder: Path) -> None:
    """Clears what a crash left: an unfinished checkpoint, an old one that was set aside."""
    shutil.rmtree(_sibling(folder, "partial"), ignore_errors=True)
    previous = _sibling(folder, "previous")
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
    elif previous.exists():
        previous.rename(folder)


def _sibling(folder: Path, kind: str) -> Path:
    return folder.with_name(f".{folder.name}.{kind}")
