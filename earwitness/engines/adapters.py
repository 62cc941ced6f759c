"""LoRA adapters by name: those that a configuration lists, and those that lie under a folder that it allows.

An adapter is a folder as peft saves it, with `adapter_config.json` and `adapter_model.safetensors`. It is read once in
a server's life: what changes gets a new name. The module knows no engine.
"""

import asyncio
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness.errors import InvalidInput, NotFound
from earwitness.models import fingerprint

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MODULES = (
    "q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "gate_proj", "up_proj", "down_proj", "gate_up_proj",
)  # fmt: skip
"""What an adapter may change, in the names of Llama, Qwen, Gemma, Mistral and Phi. Not `lm_head`: room for it makes
vLLM 0.32 on a CPU end at the first log-probability of a prompt, by its shape mismatch in `LogitsProcessorWithLoRA`."""
MAX_SHOWN = 20
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapter:
    """A LoRA adapter of one server."""

    name: str
    folder: Path
    number: int
    """From 1 on, in the order of their first use."""
    fingerprint: str
    """SHA-256 (hex) of its configuration and weights."""


class Adapters:
    """The adapters that a server may use. For one event loop; not for threads."""

    def __init__(self, named: Mapping[str, Path], root: Path | None, *, max_rank: int) -> None:
        """Knows `named` folders, and every folder under `root` by its path from there.

        Raises NotFound for a folder that does not exist, InvalidInput for one that holds no LoRA adapter.
        """
        self._named = dict(named)
        self._root = root.resolve() if root else None
        self._max_rank = max_rank
        self._found: dict[str, Adapter] = {}
        self._numbers = itertools.count(1)
        if self._root and not self._root.is_dir():
            raise NotFound(f"{root} is not a folder", "adapter_root")
        for name, folder in self._named.items():
            _check(folder, f"adapters.{name}", max_rank)

    def __bool__(self) -> bool:
        return bool(self._named or self._root)

    def names(self) -> list[str]:
        """Returns the names of the listed adapters, and of those directly under the root that are there now."""
        beneath = [path.parent.name for path in self._root.glob(f"*/{CONFIG}")] if self._root else []
        return sorted({*self._named, *filter(_NAME.fullmatch, beneath)})

    async def find(self, name: str) -> Adapter:
        """Returns an adapter; raises NotFound with the known ones, and InvalidInput for one that cannot be used."""
        if name not in self._found:
            folder = self._folder(name)
            _check(folder, "adapter", self._max_rank)
            digest = await asyncio.to_thread(fingerprint, folder)
            if name not in self._found:  # else another call was faster
                self._found[name] = Adapter(name=name, folder=folder, number=next(self._numbers), fingerprint=digest)
        return self._found[name]

    def _folder(self, name: str) -> Path:
        if name in self._named:
            return self._named[name]
        if self._root and _NAME.fullmatch(name):
            folder = (self._root / name).resolve()
            if folder.is_relative_to(self._root) and (folder / CONFIG).is_file():
                return folder
        names = self.names()
        known = ", ".join(names[:MAX_SHOWN]) + (f" and {len(names) - MAX_SHOWN} more" if names[MAX_SHOWN:] else "")
        raise NotFound(
            f"there is no adapter {name[:80]!r}", "adapter", f"known: {known}" if known else "there are none"
        )


def _check(folder: Path, field: str, max_rank: int) -> None:
    """Raises where the folder holds no adapter that vLLM could load: it would fail in the midst of other calls."""
    if not folder.is_dir():
        raise NotFound("is not a folder", field)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise InvalidInput(f"lacks {CONFIG} or {WEIGHTS}", field, "save it with peft's save_pretrained")
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_bytes())
        kind, rank, modules = config.get("peft_type"), config.get("r"), config.get("target_modules")
    except (ValueError, AttributeError):
        raise InvalidInput(f"{CONFIG} is not a JSON object", field) from None
    if kind != "LORA" or not isinstance(rank, int):
        raise InvalidInput("is no LoRA adapter", field, "only peft_type LORA is served")
    others = (
        sorted({*modules, *(config.get("modules_to_save") or ())} - {*MODULES})
        if isinstance(modules, list)
        else [modules]
    )
    if others:
        raise InvalidInput(f"changes {others[0]}", field, f"train it on {', '.join(MODULES)} alone")
    if rank > max_rank:
        raise InvalidInput(f"has rank {rank}, over {max_rank}", field, "serve with a larger vllm.max_adapter_rank")
