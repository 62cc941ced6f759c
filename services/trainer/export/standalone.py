"""The exported model in Hugging Face's form: `AutoModel.from_pretrained(folder, trust_remote_code=True)` gives it.

It is written into every exported folder beside the modules of Earwitness that it imports, and wants torch, transformers
and numpy, nothing of Earwitness. Encoder and LLM come from the folder where it holds them, else by their names. Heavy:
imports torch and transformers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PretrainedConfig, PreTrainedModel

from earwitness import chat, conversation, errors
from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector
from earwitness.desta.encoder import AudioEncoder
from earwitness.desta.greedy import answers
from earwitness.desta.layout import embed, lay_out
from earwitness.desta.perception import Perception
from earwitness.desta.splice import MARK, Message, Splicer

COPIED = (chat, conversation, errors)
"""Imported by the modules above: transformers copies only what this module itself imports."""
PREFIX = "perception.connector."
ADAPTER = "adapter"


class EarwitnessDestaConfig(PretrainedConfig):
    """`config.json`: the settings under `desta`, and under `parts` what the folder itself holds."""

    model_type = "earwitness_desta"


class EarwitnessDesta(PreTrainedModel):
    """An audio language model: a frozen Whisper encoder, a trained connector, and an LLM."""

    config_class = EarwitnessDestaConfig

    def __init__(
        self, config: EarwitnessDestaConfig, perception: Perception, llm: Any, tokenizer: Any, settings: DestaConfig
    ) -> None:
        super().__init__(config)
        self.perception = perception
        self.llm = llm
        self.tokenizer = tokenizer
        self.splicer = Splicer(tokenizer, settings)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *arguments: Any, **options: Any) -> Any:
        """Returns the model of a folder or hub id, on the CPU, in evaluation mode, in the dtype that it trained in."""
        folder = _folder(pretrained_model_name_or_path, options)
        config: Any = options.get("config") or EarwitnessDestaConfig.from_pretrained(folder)
        settings: Any = _settings(config.desta)
        places = {part: str(folder / place) for part, place in config.parts.items()}
        settings = replace(settings, **{part: places[part] for part in ("encoder", "llm") if part in places})
        llm: Any = AutoModelForCausalLM.from_pretrained(settings.llm, dtype=getattr(torch, settings.dtype))
        if ADAPTER in places:
            from peft import PeftModel

            llm = PeftModel.from_pretrained(llm, places[ADAPTER])
        encoder = AudioEncoder.load(settings)
        connector = Connector(settings, encoder.encoder.config, llm.get_input_embeddings().weight.shape[1])
        tensors = load_file(folder / "model.safetensors")
        own = {name.removeprefix(PREFIX): each for name, each in tensors.items() if name.startswith(PREFIX)}
        connector.load_state_dict(own, strict=True)
        # Asked for the tokenizer, transformers reads the configuration again, whose code is this.
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
        perception = Perception(encoder, connector, getattr(torch, settings.dtype))
        return cls(config, perception, llm, tokenizer, settings).eval()

    @torch.no_grad()
    def respond(
        self,
        messages: Sequence[Mapping[str, str]],
        clips: Sequence[NDArray[np.float32]] = (),
        transcripts: Sequence[str] | None = None,
        max_new_tokens: int = 128,
    ) -> str:
        """Returns the greedy answer to a conversation.

        Args:
            messages: `{"role": ..., "content": ...}`; each `<|AUDIO|>` in a content stands for the next clip.
            clips: mono samples at 16 kHz, at most 30 s each.
            transcripts: the words of each clip, "" where nobody speaks; the model was trained with them.
            max_new_tokens: a longer answer is cut.
        """
        turns = [_turn(message) for message in messages]
        prompt = self.splicer.splice(turns, list(transcripts or [""] * len(clips)))
        table = self.llm.get_input_embeddings()
        vectors = self.perception(self.perception.hear(clips)) if clips else None
        layout = lay_out([prompt])
        embeddings = embed(table, layout, vectors)
        eos = int(self.tokenizer.eos_token_id)
        (ids,) = answers(self.llm, embeddings, layout.mask, eos=eos, max_new_tokens=max_new_tokens)
        return self.tokenizer.decode(ids, skip_special_tokens=True)


def _turn(message: Mapping[str, str]) -> Message:
    content, role = message["content"], message["role"]
    if role not in ("system", "user", "assistant"):
        raise errors.InvalidInput(f"{role!r} is no role", "messages", "use system, user or assistant")
    return Message(role=role, content=content, audios=("",) * content.count(MARK))


def _settings(values: Mapping[str, Any]) -> DestaConfig:
    tapped = values.get("tapped_layers")
    known: dict[str, Any] = {**values, "tapped_layers": tuple(tapped) if tapped else None}
    known.pop("lora", None)  # its adapters are in the LLM, or beside it
    return DestaConfig(**known)


def _folder(name: Any, options: Mapping[str, Any]) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(str(name), revision=options.get("revision"), token=options.get("token")))
