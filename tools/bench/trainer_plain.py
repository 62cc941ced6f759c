"""Training as the reference does it, and each economy of ours put on top of the one before.

The plain loop follows kehanlu/DeSTA2.5-Audio (desta/models/modeling_desta25.py, desta/trainer/pl_trainer.py): at every
step each clip's features and encoder outputs are computed anew, transformers' BertEncoder under eager attention reads
one tapped layer after another, prompts are padded on the left to the longest of the batch, and the LLM gives the logits
of every position, of which the labels pick the answers'. Weights, dropout, optimiser and data are those of our model.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEncoder

from earwitness import audio
from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import LAYER_NORM_EPS, Connector
from earwitness.desta.layout import IGNORED, common_prefix, embed, lay_out, rectangles, without_prefix
from earwitness.desta.loss import answer_loss
from earwitness.desta.model import Batch, DestaModel
from earwitness.desta.prefix import Prefixes
from services.trainer.examples import Example

PLAIN, OURS = "plain loop", "all: the trainer's own"
ECONOMIES = ("encoder outputs kept", "answers' logits alone", "rectangles", "prefix read once", "no keys and values")
"""In the order in which they are put on top of each other."""


class PlainConnector(nn.Module):
    """A connector with the weights of ours, around transformers' BertEncoder."""

    def __init__(self, connector: Connector, config: DestaConfig, num_heads: int) -> None:
        super().__init__()
        own = copy.deepcopy(connector)
        self.layer_prompts, self.layer_weights, self.proj = own.layer_prompts, own.layer_weights, own.proj
        settings = BertConfig(
            hidden_size=own.layer_prompts[0].shape[-1],
            num_attention_heads=num_heads,
            num_hidden_layers=config.qformer_layers,
            intermediate_size=config.intermediate_width,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            layer_norm_eps=LAYER_NORM_EPS,
            is_decoder=True,
            add_cross_attention=True,
            attn_implementation="eager",  # type: ignore[call-arg]
        )
        self.qformer = BertEncoder(settings)
        self.qformer.load_state_dict(own.qformer.state_dict(), strict=True)

    def forward(self, taps: Tensor) -> Tensor:
        """See Connector."""
        read: list[Tensor] = []
        for tap, prompts in enumerate(self.layer_prompts):
            encoder: Any = self.qformer
            output = encoder(prompts.expand(len(taps), -1, -1), encoder_hidden_states=taps[:, tap])
            read.append(output.last_hidden_state)
        shares = self.layer_weights.softmax(dim=-1).T.unsqueeze(-1)
        return self.proj((torch.stack(read, dim=1) * shares).sum(dim=1))


@dataclass(kw_only=True)
class Loop:
    """A way of training, with a connector and an optimiser of its own around encoder and LLM that all share."""

    name: str
    model: DestaModel
    connector: nn.Module
    economies: frozenset[str]
    taps: dict[Path, Tensor]
    """Of every clip, for those who keep them."""
    clip_norm: float = 1.0
    optimizer: torch.optim.Optimizer = field(init=False)
    prefixes: Prefixes = field(init=False)

    def __post_init__(self) -> None:
        # Rate, betas and decay as in the reference's desta25_llama31-8B_Qformer6L.yaml.
        self.optimizer = torch.optim.AdamW(
            self.connector.parameters(), lr=1e-4, betas=(0.9, 0.98), weight_decay=0.01, foreach=True
        )
        self.prefixes = Prefixes(self.model.llm)

    def step(self, examples: Sequence[Example]) -> float:
        """Makes one optimiser step and returns the loss in nats per answer token."""
        loss = self.loss(examples)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.connector.parameters(), self.clip_norm)
        self.optimizer.step()
        return float(loss.detach())

    def loss(self, examples: Sequence[Example]) -> Tensor:
        """Returns the mean loss per answer token."""
        if self.name == OURS:
            return self._of_ours(examples)
        vectors = self.connector(self._hear([clip for example in examples for clip in example.clips]))
        if "answers' logits alone" not in self.economies:
            return self._of_all_logits(examples, vectors)
        shared = common_prefix([example.prompt for example in examples])
        prefix = examples[0].prompt.ids[:shared] if "prefix read once" in self.economies else ()
        lengths = [example.length - len(prefix) for example in examples]
        groups = rectangles(lengths) if "rectangles" in self.economies else [list(range(len(examples)))]
        losses = [self._of_answers([examples[row] for row in rows], vectors[rows], prefix) for rows in groups]
        return torch.stack(losses).sum() / sum(len(example.target) for example in examples)

    def _of_ours(self, examples: Sequence[Example]) -> Tensor:
        distinct = list(dict.fromkeys(clip for example in examples for clip in example.clips))
        batch = Batch(
            prompts=[example.prompt for example in examples],
            targets=[example.target for example in examples],
            taps=torch.stack([self.taps[clip] for clip in distinct]),
            clips=[distinct.index(clip) for example in examples for clip in example.clips],
        )
        return self.model.loss(batch)[0]

    def _hear(self, clips: Sequence[Path]) -> Tensor:
        if "encoder outputs kept" in self.economies:
            return torch.stack([self.taps[clip] for clip in clips])
        return self.model.perception.hear([audio.read(clip).samples for clip in clips])

    def _of_all_logits(self, examples: Sequence[Example], vectors: Tensor) -> Tensor:
        layout = lay_out([example.prompt for example in examples], [example.target for example in examples], left=True)
        embeddings = embed(self.model.llm.get_input_embeddings(), layout, vectors)
        return self.model.llm(inputs_embeds=embeddings, attention_mask=layout.mask.long(), labels=layout.labels).loss

    def _of_answers(self, examples: Sequence[Example], vectors: Tensor, prefix: tuple[int, ...]) -> Tensor:
        llm = self.model.llm
        prompts = [without_prefix(example.prompt, len(prefix)) for example in examples]
        layout = lay_out(prompts, [example.target for example in examples])
        rows, columns = (layout.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        embeddings = embed(llm.get_input_embeddings(), layout, vectors)[:, :-1]
        cache = self.prefixes.after(prefix, len(examples)) if prefix else None
        output = llm.get_decoder()(inputs_embeds=embeddings, past_key_values=cache, use_cache=cache is not None)
        picked = output.last_hidden_state[rows, columns]
        return answer_loss(picked, llm.get_output_embeddings(), layout.labels[rows, columns + 1])


def loops(model: DestaModel, config: DestaConfig, taps: dict[Path, Tensor]) -> list[Loop]:
    """Returns the plain loop, then each with one economy more, and `DestaModel.loss`, which has them all.

    All start with the model's connector; the last one trains it.
    """
    num_heads = int(model.perception.encoder.encoder.config.encoder_attention_heads)
    connector = model.perception.connector
    found: list[Loop] = []
    for count in range(len(ECONOMIES) + 1):
        economies = frozenset(ECONOMIES[:count])
        own = copy.deepcopy(connector) if ECONOMIES[-1] in economies else PlainConnector(connector, config, num_heads)
        name = f"+ {ECONOMIES[count - 1]}" if count else PLAIN
        found.append(Loop(name=name, model=model, connector=own.train(), economies=economies, taps=taps))
    ours = Loop(name=OURS, model=model.train(), connector=connector, economies=frozenset(ECONOMIES), taps=taps)
    return [*found, ours]
