"""The whole model: hears clips, reads them among the tokens of a prompt, and learns or speaks the answer.

Training sees prompts and answers padded on the right, where causal attention never looks at the padding and no mask is
needed; generation sees prompts padded on the left, with a mask. Heavy: imports torch and transformers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, GenerationConfig

from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector
from earwitness.desta.encoder import AudioEncoder
from earwitness.desta.splice import Spliced
from earwitness.errors import InvalidInput, NotFound

IGNORED = -100
"""The label of a position that predicts no token of an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Prompts, with answers or without, as one rectangle. All tensors are on the CPU."""

    ids: Tensor
    """Of shape `(batch, length)`; padding is 0."""
    mask: Tensor
    """Of shape `(batch, length)`: False at padding."""
    labels: Tensor
    """Of shape `(batch, length)`: the answer's ids where they stand, `IGNORED` elsewhere."""
    slots: Tensor
    """Of shape `(clips, 2)`: row and first column of each clip's slot, clips in the order of the prompts."""


def lay_out(prompts: Sequence[Spliced], targets: Sequence[Sequence[int]] = (), *, left: bool = False) -> Layout:
    """Returns the rectangle of the prompts, each followed by its target if there are any, padded on one side."""
    answers = targets or [()] * len(prompts)
    lengths = [len(prompt.ids) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)]
    width = max(lengths)
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros(len(prompts), width, dtype=torch.bool)
    labels = torch.full((len(prompts), width), IGNORED)
    slots: list[tuple[int, int]] = []
    for row, (prompt, answer, length) in enumerate(zip(prompts, answers, lengths, strict=True)):
        start = width - length if left else 0
        middle, end = start + len(prompt.ids), start + length
        ids[row, start:end] = torch.tensor([*prompt.ids, *answer])
        mask[row, start:end] = True
        labels[row, middle:end] = ids[row, middle:end]
        slots += [(row, start + slot) for slot in prompt.slots]
    return Layout(ids=ids, mask=mask, labels=labels, slots=torch.tensor(slots, dtype=torch.long).view(-1, 2))


def embed(table: nn.Module, layout: Layout, vectors: Tensor | None) -> Tensor:
    """Returns embeddings of shape `(batch, length, width)`, of the dtype of the table: its own, and `vectors` in the
    slots.

    Gradients flow to `vectors`. A server needs no more of the LLM than `table`, its input embeddings.

    Args:
        table: an `nn.Embedding`, or what the LLM has in its place.
        layout: of prompts.
        vectors: the connector's, of shape `(clips, num_queries, width)`, in the order of the slots; None without clips.

    Raises:
        InvalidInput: as many clips as slots are needed.
    """
    num_clips = 0 if vectors is None else len(vectors)
    if num_clips != len(layout.slots):
        raise InvalidInput(f"{num_clips} clips for {len(layout.slots)} slots", "audios")
    device = next(table.parameters()).device
    embeddings: Tensor = table(layout.ids.to(device))
    if vectors is None:
        return embeddings
    rows, starts = layout.slots.to(device).unsqueeze(-1).unbind(dim=1)
    columns = starts + torch.arange(vectors.shape[1], device=device)
    return embeddings.index_put((rows.expand_as(columns), columns), vectors.to(embeddings))


class Perception(nn.Module):
    """Encoder and connector: from samples to vectors for the LLM."""

    def __init__(self, encoder: AudioEncoder, connector: Connector, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = encoder
        self.connector = connector
        self.dtype = dtype

    @classmethod
    def load(cls, config: DestaConfig, connector: Connector) -> Self:
        """Returns the settings' encoder with a connector, on the CPU; raises as `AudioEncoder.load` does."""
        return cls(AudioEncoder.load(config), connector, getattr(torch, config.dtype))

    def hear(self, clips: Sequence[NDArray[np.float32]]) -> Tensor:
        """Returns the tapped layers of clips, `(clips, taps, positions, width)`; see `AudioEncoder.features`."""
        return self.encoder(self.encoder.features(clips))

    def forward(self, taps: Tensor) -> Tensor:
        """Returns vectors of shape `(clips, num_queries, llm_width)`, computed in the model's dtype (autocast)."""
        with torch.autocast(taps.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return self.connector(taps)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Examples to learn from."""

    prompts: Sequence[Spliced]
    targets: Sequence[Sequence[int]]
    """The answers' ids, as `Splicer.target_ids` gives them."""
    taps: Tensor
    """The tapped layers of all clips in the order of the prompts, of shape `(clips, taps, positions, width)`."""


class DestaModel(nn.Module):
    """A frozen encoder, a connector, and a frozen LLM.

    Its trainable parameters are named as in the released checkpoint: `perception.connector.*`.
    """

    def __init__(self, perception: Perception, llm: Any) -> None:
        """Freezes the LLM, an `AutoModelForCausalLM`.

        Raises:
            InvalidInput: the LLM does more to its logits than its output embeddings do.
        """
        super().__init__()
        self.perception = perception
        self.llm = llm.requires_grad_(False).eval()
        _require_plain_head(self.llm)

    @classmethod
    def load(cls, config: DestaConfig, connector: Connector | None = None) -> Self:
        """Returns the model of these settings, on the CPU, with a new connector unless one is given.

        Raises:
            NotFound: the encoder or the LLM does not exist.
            InvalidInput: see `AudioEncoder.load` and `DestaModel`.
        """
        dtype = getattr(torch, config.dtype)
        try:
            llm: Any = AutoModelForCausalLM.from_pretrained(config.llm, dtype=dtype)
        except OSError as error:
            raise NotFound(f"the LLM {config.llm} cannot be loaded: {error}", "llm") from error
        encoder = AudioEncoder.load(config)
        width = llm.get_input_embeddings().weight.shape[1]
        return cls(Perception(encoder, connector or Connector(config, encoder.encoder.config, width), dtype), llm)

    def train(self, mode: bool = True) -> Self:
        """Puts the connector in training mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        self.llm.eval()
        return self

    def embed(self, layout: Layout, taps: Tensor) -> Tensor:
        """Returns embeddings of shape `(batch, length, llm_width)`, in the LLM's dtype, clips in their slots."""
        vectors = self.perception(taps) if len(taps) else None
        return embed(self.llm.get_input_embeddings(), layout, vectors)

    def loss(self, batch: Batch) -> tuple[Tensor, int]:
        """Returns the mean cross-entropy per answer token, in float32, and the number of those tokens.

        Only positions that predict an answer token reach the output embeddings, which dominate memory and much of the
        time of a small LLM with a large vocabulary.
        """
        layout = lay_out(batch.prompts, batch.targets)
        # Found on the CPU, where the layout is: on a GPU it would wait for the device.
        rows, columns = (layout.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        labels = layout.labels[rows, columns + 1]
        embeddings = self.embed(layout, batch.taps)
        hidden = self.llm.get_decoder()(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        logits = self.llm.get_output_embeddings()(hidden[rows.to(hidden.device), columns.to(hidden.device)])
        return cross_entropy(logits.float(), labels.to(logits.device)), len(labels)

    @torch.no_grad()
    def generate(self, prompts: Sequence[Spliced], taps: Tensor, *, eos: int, max_new_tokens: int) -> list[list[int]]:
        """Returns the greedy answer to each prompt, without its end token. It is the reference for the served model.

        An answer ends at `eos`, the tokenizer's, or at an end token of the LLM's own generation settings.
        """
        layout = lay_out(prompts, left=True)
        own = self.llm.generation_config.eos_token_id
        stops = {eos, *(own if isinstance(own, list) else [] if own is None else [own])}
        # A model's own settings would fill in what is left unset, such as Qwen2.5's repetition penalty.
        greedy = GenerationConfig(
            do_sample=False,
            num_beams=1,
            temperature=1.0,
            top_p=1.0,
            repetition_penalty=1.0,
            max_new_tokens=max_new_tokens,
            eos_token_id=sorted(stops),
            pad_token_id=eos,
        )
        embeddings = self.embed(layout, taps)
        mask = layout.mask.to(embeddings.device)
        answers = self.llm.generate(inputs_embeds=embeddings, attention_mask=mask, generation_config=greedy)
        return [list(takewhile(lambda token: token not in stops, answer)) for answer in answers.tolist()]


@torch.no_grad()
def _require_plain_head(llm: Any) -> None:
    """Compares the logits of three tokens: Gemma caps them and Cohere scales them after the output embeddings."""
    table = llm.get_input_embeddings()
    probe = table(torch.arange(3, device=table.weight.device).unsqueeze(0))
    hidden = llm.get_decoder()(inputs_embeds=probe, use_cache=False).last_hidden_state
    logits = llm(inputs_embeds=probe, use_cache=False).logits
    if not torch.allclose(llm.get_output_embeddings()(hidden).float(), logits.float(), rtol=1e-2, atol=1e-2):
        raise InvalidInput(
            f"{type(llm).__name__} changes its logits after the output embeddings",
            "llm",
            "choose an LLM with a plain head",
        )
