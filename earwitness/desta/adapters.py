"""Low-rank adapters (LoRA) in the LLM of a DeSTA model: put in place, read, filled, merged and written by peft.

Heavy: imports torch; peft is imported where it is needed, so that a model without adapters wants none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from earwitness.desta import disk
from earwitness.desta.config import LoraConfig
from earwitness.errors import InvalidInput

_FUSED = {"q_proj": "qkv_proj", "k_proj": "qkv_proj", "v_proj": "qkv_proj"}
"""What Phi has in their place."""
PEFT_FILE = "adapter_model.safetensors"
"""Where peft, and vLLM, look for them."""
_PEFT = "base_model.model."
_NAME = ".default"


def adapt(llm: nn.Module, config: LoraConfig) -> None:
    """Puts adapters into a frozen LLM, in place; they alone train, in float32. At first they say nothing.

    Raises InvalidInput where the LLM has none of the maps that the settings name.
    """
    import peft

    ends = {name.rpartition(".")[2] for name, module in llm.named_modules() if isinstance(module, nn.Linear)}
    targets = sorted({target if target in ends else _FUSED.get(target, target) for target in config.targets})
    if missing := [target for target in targets if target not in ends]:
        known = f"choose among {', '.join(sorted(ends))}"
        raise InvalidInput(f"{type(llm).__name__} has no linear map {missing[0]}", "lora.targets", known)
    settings = peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules=targets, bias="none"
    )  # type: ignore[call-arg]
    peft.inject_adapter_in_model(settings, llm)
    for parameter in tensors(llm).values():
        parameter.data = parameter.data.float()


def tensors(llm: nn.Module) -> dict[str, nn.Parameter]:
    """Returns the adapters' parameters by their names in the LLM; empty for an LLM without."""
    return {name: parameter for name, parameter in llm.named_parameters() if ".lora_" in name}


@torch.no_grad()
def fill(llm: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Gives adapters their values; raises InvalidInput, with the name, for one missing, unknown or misshapen."""
    expected = tensors(llm)
    for name in sorted(expected.keys() ^ values.keys()):
        raise InvalidInput(f"{'missing' if name in expected else 'unexpected'} {name}", "lora", "check the settings")
    for name, parameter in expected.items():
        if parameter.shape != values[name].shape:
            shapes = f"{list(values[name].shape)}, not {list(parameter.shape)}"
            raise InvalidInput(f"{name} is of shape {shapes}", "lora", "check the settings")
        parameter.copy_(values[name])


def train(llm: nn.Module, mode: bool) -> None:
    """Switches the adapters' dropout, and nothing else of the LLM."""
    for name, module in llm.named_modules():
        if name.endswith(".lora_dropout"):
            module.train(mode)


def merge(llm: nn.Module) -> None:
    """Adds what the adapters say to the weights that they adapt, and removes them, in place."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [(name, module) for name, module in llm.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in adapted:
        layer: Any = module
        layer.merge(safe_merge=True)
        parent, _, child = name.rpartition(".")
        setattr(llm.get_submodule(parent), child, layer.get_base_layer())


def save(folder: Path, values: Mapping[str, Tensor], config: LoraConfig, llm: str) -> None:
    """Writes adapters of the LLM of that name as peft does, in a folder of their own."""
    import peft

    settings: Any = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=sorted({name.partition(".lora_")[0].rpartition(".")[2] for name in values}),
        task_type="CAUSAL_LM",
        base_model_name_or_path=llm,
        inference_mode=True,
    )
    settings.save_pretrained(folder)
    named = {f"{_PEFT}{name.replace(_NAME, '', 1)}": value.detach().contiguous() for name, value in values.items()}
    disk.write(named, folder / PEFT_FILE)


def read(folder: Path) -> dict[str, Tensor]:
    """Returns the adapters that `save` wrote."""
    from safetensors.torch import load_file

    found: dict[str, Tensor] = {}
    for name, value in load_file(folder / PEFT_FILE).items():
        own = name.removeprefix(_PEFT)
        for end in (".lora_A", ".lora_B"):
            own = own.replace(end, f"{end}{_NAME}", 1)
        found[own] = value
    return found
