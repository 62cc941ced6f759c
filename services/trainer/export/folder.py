"""Writes and reads exported folders.

    config.json            the settings, which Earwitness and transformers both read (`auto_map` names the code)
    model.safetensors      the connector, and adapters that stay adapters
    modeling_desta.py      what `AutoModel` runs, beside the modules of Earwitness that it needs
    tokenizer files        the LLM's own: the model adds no token of its own to them
    encoder/, llm/         where no hub has them, or on request
    adapter/               the LLM's adapters in peft's form, merged or not
    README.md              the model card

A folder is there whole or not at all. It is a checkpoint too: the LALM service serves it as it is.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earwitness.errors import InvalidInput
from services.trainer.export.card import Described, markdown

if TYPE_CHECKING:
    from earwitness.desta.checkpoint import Card
    from earwitness.desta.config import DestaConfig

ROOT = Path(__file__).parents[3]
MODEL = "modeling_desta"
MODULES = (
    "chat", "conversation", "errors", "desta/config", "desta/connector", "desta/encoder", "desta/greedy",
    "desta/layout", "desta/perception", "desta/splice",
)  # fmt: skip
"""Of the library: what `standalone` imports, and what that imports."""
KEYS = {
    "model_type": "earwitness_desta",
    "architectures": ["EarwitnessDesta"],
    "auto_map": {"AutoConfig": f"{MODEL}.EarwitnessDestaConfig", "AutoModel": f"{MODEL}.EarwitnessDesta"},
}
ADAPTER = "adapter"
_WEIGHTS = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "*.tiktoken")
_IMPORT = re.compile(r"^from earwitness(?:\.desta)?(?:\.(\w+))? import", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """How to export."""

    merge: bool = True
    """Adds adapters to the LLM's weights, which then lie in the folder; else they stay beside the LLM, for peft."""
    bundle: bool = False
    """Copies encoder and LLM into the folder even if a hub has them."""
    rows: Path | None = None
    """The folder of training rows, whose data card the model card sums up."""


def export(checkpoint: Path, out: Path, choices: Choices | None = None) -> Path:
    """Writes the folder `out` and returns it.

    Raises NotFound or InvalidInput for a checkpoint that cannot be read or models that are not there, and InvalidInput
    where `out` is there.
    """
    from earwitness.desta.checkpoint import read_card
    from earwitness.models import ModelRef, resolve

    choices = choices or Choices()
    if out.exists():
        raise InvalidInput("is there already", str(out), "name a folder that is not there, or remove it")
    card = read_card(checkpoint)
    sources = {part: resolve(ModelRef.parse(getattr(card.config, part))) for part in ("encoder", "llm")}
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    merged = card.config.lora is not None and choices.merge
    parts = {
        part: part
        for part in ("encoder", "llm")
        if choices.bundle or (merged and part == "llm") or ModelRef.parse(getattr(card.config, part)).kind != "hub"
    }
    _write_tensors(checkpoint, partial, card, sources, parts, merged=merged)
    for part in parts:
        if not (merged and part == "llm"):
            _copy(sources[part], partial / part)
    _write_tokenizer(sources["llm"], partial)
    _write_code(partial)
    described = Described(card=card, parts=parts, merged=merged, rows=choices.rows, sources=sources, name=out.name)
    (partial / "README.md").write_text(markdown(described), encoding="utf-8")
    for path in partial.rglob("*.safetensors"):
        shutil.copymode(partial / "README.md", path)  # transformers leaves them to their owner alone
    partial.rename(out)
    return out


def restore(exported: Path, checkpoint: Path) -> Path:
    """Writes the checkpoint that a folder was exported from, and returns it; adapters that were merged are taken apart.

    Raises NotFound or InvalidInput for a folder that cannot be read.
    """
    from earwitness.desta import adapters
    from earwitness.desta.checkpoint import load, read_card, save
    from earwitness.desta.config import config_from_json

    card = read_card(exported)
    encoder, width = _shapes(Path(card.config.encoder), Path(card.config.llm))
    connector, adapter = load(exported, encoder, width)
    origin: Any = card.extra.get("exported_from")
    if not isinstance(origin, Mapping):
        raise InvalidInput("was not exported", str(exported), "give a folder that `earwitness train export` wrote")
    if (exported / ADAPTER).is_dir() and not adapter:
        adapter = adapters.read(exported / ADAPTER)
    extra = {key: value for key, value in card.extra.items() if key != "exported_from"}
    save(checkpoint, connector, config_from_json(dict(origin)), extra, adapter=adapter)
    return checkpoint


def _write_tensors(
    checkpoint: Path, out: Path, card: "Card", sources: Mapping[str, Path], parts: Mapping[str, str], *, merged: bool
) -> None:
    """Writes config and tensors, and adapters in whatever form."""
    from earwitness.desta import adapters
    from earwitness.desta.checkpoint import load, save

    connector, adapter = load(checkpoint, *_shapes(sources["encoder"], sources["llm"]))
    named = card.named or card.config
    settings = replace(named, lora=None) if merged else named
    places = {**parts, **({ADAPTER: ADAPTER} if adapter and not merged else {})}
    extra = {**card.extra, "exported_from": named.to_json()}
    more = {**KEYS, "parts": places}
    save(out, connector, settings, extra, adapter=None if merged else adapter, more=more)
    if adapter and named.lora:
        adapters.save(out / ADAPTER, adapter, named.lora, named.llm)
    if merged:
        _write_merged(out, named, sources["llm"], adapter)


def _write_merged(out: Path, config: "DestaConfig", llm_folder: Path, adapter: Mapping[str, Any]) -> None:
    """Writes the LLM with the adapters in its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    from earwitness.desta import adapters

    assert config.lora is not None
    llm: Any = AutoModelForCausalLM.from_pretrained(llm_folder, dtype=getattr(torch, config.dtype))
    adapters.adapt(llm, config.lora)
    adapters.fill(llm, adapter)
    adapters.merge(llm)
    llm.save_pretrained(out / "llm")
    _write_tokenizer(llm_folder, out / "llm")


def _write_tokenizer(llm: Path, out: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(llm)
    tokenizer.save_pretrained(out)


def _write_code(out: Path) -> None:
    """Copies the modules side by side, importing each other from beside them."""
    licence = "# From Earwitness, under the Apache License 2.0.\n"
    sources = {Path(module).name: ROOT / "earwitness" / f"{module}.py" for module in MODULES}
    sources[MODEL] = Path(__file__).with_name("standalone.py")
    for name, source in sources.items():
        beside = _IMPORT.sub(lambda found: f"from .{found[1] or ''} import", source.read_text(encoding="utf-8"))
        (out / f"{name}.py").write_text(licence + beside, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for pattern in _WEIGHTS:
        for path in source.glob(pattern):
            shutil.copyfile(path, target / path.name)


def _shapes(encoder: Path, llm: Path) -> tuple[Any, int]:
    """Returns the encoder's configuration and the width of the LLM's embeddings."""
    from transformers import AutoConfig

    config: Any = AutoConfig.from_pretrained(llm)
    return AutoConfig.from_pretrained(encoder), int(config.get_text_config().hidden_size)
