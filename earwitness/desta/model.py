"""The whole model: hears clips, reads them among the tokens of a prompt, and learns or speaks the answer.

Training sees prompts and answers padded on the right, where causal attention never looks at the padding and no mask is
needed; generation sees prompts padded on the left, with a mask. Heavy: imports torch and transformers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from earwitness.desta import adapters, tree
from earwitness.desta.config import DestaConfig, LoraConfig
from earwitness.desta.connector import Connector
from earwitness.desta.encoder import AudioEncoder
from earwitness.desta.greedy import answers
from earwitness.desta.layout import IGNORED, Layout, common_prefix, embed, lay_out, rectangles, without_prefix
from earwitness.desta.loss import answer_loss
from earwitness.desta.perception import Perception
from earwitness.desta.prefix import Prefixes
from earwitness.desta.splice import Spliced
from earwitness.desta.tree import Forest, grow
from earwitness.errors import InvalidInput, NotFound

LEAST_PREFIX = 8
"""A shorter prefix is not worth a cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Examples to learn from."""

    prompts: Sequence[Spliced]
    targets: Sequence[Sequence[int]]
    """The answers' ids, as `Splicer.target_ids` gives them."""
    taps: Tensor
    """The tapped layers of the clips, of shape `(clips, taps, positions, width)`."""
    clips: Sequence[int] | None = None
    """Which of the taps each slot hears, in the order of the prompts; None: each its own, in their order. Rows that ask
    about the same clip are cheaper together: what they begin with is read once."""

    def heard(self) -> list[tuple[int, ...]]:
        """Returns which of the taps each prompt hears; raises InvalidInput where there are more or fewer than slots."""
        num_slots = sum(len(prompt.slots) for prompt in self.prompts)
        clips = range(len(self.taps)) if self.clips is None else self.clips
        if len(clips) != num_slots or (num_slots and max(clips) >= len(self.taps)):
            raise InvalidInput(f"{len(clips)} clips for {num_slots} slots", "audios")
        left = iter(clips)
        return [tuple(next(left) for _ in prompt.slots) for prompt in self.prompts]


class DestaModel(nn.Module):
    """A frozen encoder, a connector, and a frozen LLM, with adapters in it or without.

    Its trainable parameters are named as in the released checkpoint: `perception.connector.*`; those of adapters are
    `llm.*`.
    """

    def __init__(self, perception: Perception, llm: Any, lora: LoraConfig | None = None) -> None:
        """Freezes the LLM, an `AutoModelForCausalLM`, and puts adapters into it if there are to be any.

        Raises:
            InvalidInput: the LLM does more to its logits than its output embeddings do, or lacks what is to be adapted.
        """
        super().__init__()
        self.perception = perception
        self.llm = llm.requires_grad_(False).eval()
        _require_plain_head(self.llm)
        if lora:
            adapters.adapt(self.llm, lora)
        self._prefixes = Prefixes(self.llm)
        self._adapted = lora is not None

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
        connector = connector or Connector(config, encoder.encoder.config, width)
        return cls(Perception(encoder, connector, dtype), llm, config.lora)

    def train(self, mode: bool = True) -> Self:
        """Puts what trains in training mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        self.llm.eval()
        adapters.train(self.llm, mode)
        return self

    def trainable(self) -> list[nn.Parameter]:
        """Returns the parameters that train: the connector's, then the adapters'."""
        return [*self.perception.connector.parameters(), *adapters.tensors(self.llm).values()]

    def embed(self, layout: Layout, taps: Tensor) -> Tensor:
        """Returns embeddings of shape `(batch, length, llm_width)`, in the LLM's dtype, clips in their slots."""
        vectors = self.perception(taps) if len(taps) else None
        return embed(self.llm.get_input_embeddings(), layout, vectors)

    def loss(self, batch: Batch) -> tuple[Tensor, int]:
        """Returns the mean cross-entropy per answer token, in float32, and the number of those tokens.

        What it leaves out changes nothing but the last bits: logits of tokens that are no answer's, padding
        (`rectangles`), the words before the first clip, which a frozen LLM has read before (`Prefixes`), and what rows
        about the same clip have in common (`tree`).
        """
        # What adapters make of a prefix changes with every step; layers that forget their activations take no cache.
        shared = 0 if self._adapted or self.llm.is_gradient_checkpointing else common_prefix(batch.prompts)
        prefix = batch.prompts[0].ids[:shared] if shared >= LEAST_PREFIX else ()
        prompts = [without_prefix(prompt, len(prefix)) for prompt in batch.prompts]
        clips = batch.heard()
        vectors = self.perception(batch.taps) if len(batch.taps) else None
        num_queries = 0 if vectors is None else vectors.shape[1]
        longest = max(len(row.ids) + len(target) for row, target in zip(batch.prompts, batch.targets, strict=True))
        trees = grow(prompts, batch.targets, clips, num_queries, apart=not self._branches(longest))
        losses: list[Tensor] = []
        for rows in rectangles([each.length for each in trees]):
            few = [trees[row] for row in rows]
            numbers = torch.tensor([clip for each in few for clip in each.clips], dtype=torch.long)
            heard = vectors[numbers.to(vectors.device)] if vectors is not None and len(numbers) else None
            losses.append(self._summed_loss(prefix, tree.lay_out(few), heard))
        num_tokens = sum(map(len, batch.targets))
        return torch.stack(losses).sum() / num_tokens, num_tokens

    forward = loss
    """What a wrapper such as DistributedDataParallel calls."""

    def _branches(self, longest: int) -> bool:
        """Says whether the LLM takes a mask of ours: its windows, which the mask knows nothing of, must hold a row."""
        settings = self.llm.config.get_text_config()
        window = getattr(settings, "sliding_window", None)
        return settings._attn_implementation in ("sdpa", "eager") and (not window or longest <= window)

    def _summed_loss(self, prefix: tuple[int, ...], forest: Forest, vectors: Tensor | None) -> Tensor:
        labels = forest.layout.labels
        # Found on the CPU, where the layout is: on a GPU it would wait for the device.
        rows, columns = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        wanted = labels[rows, columns + 1]
        embeddings = embed(self.llm.get_input_embeddings(), forest.layout, vectors)
        options: dict[str, Any] = {}
        if prefix:
            options["past_key_values"] = self._prefixes.after(prefix, len(embeddings))
        if not forest.plain:
            options["attention_mask"] = forest.mask(len(prefix), embeddings.dtype, embeddings.device)
            options["position_ids"] = (len(prefix) + forest.positions).to(embeddings.device)
        output = self.llm.get_decoder()(inputs_embeds=embeddings, use_cache=bool(prefix), **options)
        hidden: Tensor = output.last_hidden_state
        picked = hidden[rows.to(hidden.device), columns.to(hidden.device)]
        return answer_loss(picked, self.llm.get_output_embeddings(), wanted.to(hidden.device))

    @torch.no_grad()
    def generate(self, prompts: Sequence[Spliced], taps: Tensor, *, eos: int, max_new_tokens: int) -> list[list[int]]:
        """Returns the greedy answer to each prompt, without its end token. It is the reference for the served model.

        See `earwitness.desta.greedy`.
        """
        layout = lay_out(prompts, left=True)
        embeddings = self.embed(layout, taps)
        return answers(self.llm, embeddings, layout.mask, eos=eos, max_new_tokens=max_new_tokens)


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
