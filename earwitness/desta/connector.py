"""The connector: what the encoder heard, as a fixed number of vectors of the LLM's width. The only part that trains.

Each tapped layer is read by learned queries of its own through one shared Q-Former, and every query weighs the layers
for itself (kehanlu/DeSTA2.5-Audio, connector `qformer_1`). Parameter names are those of its released checkpoint.

The Q-Former is a stack of post-norm BERT layers with cross-attention. It is bidirectional: every query sees every other
one, which transformers' `BertEncoder(is_decoder=True)` grants under eager attention and not under SDPA.

Heavy: imports torch. It knows nothing of Whisper or of any LLM.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, scaled_dot_product_attention

from earwitness.desta.config import DestaConfig, EncoderShape
from earwitness.errors import InvalidInput

LAYER_NORM_EPS = 1e-12  # BertConfig
INIT_STD = 0.02  # BertConfig.initializer_range


class Connector(nn.Module):
    """Turns tapped layers into vectors for the LLM."""

    def __init__(self, config: DestaConfig, encoder: EncoderShape, llm_width: int) -> None:
        """Initialises as BERT does; the queries are standard normal, the layers weigh alike.

        Args:
            config: the model's settings.
            encoder: gives the Q-Former its width and its heads.
            llm_width: of the LLM's embeddings.

        Raises:
            InvalidInput: the settings tap layers that the encoder does not have, or its width does not split into its
                heads.
        """
        super().__init__()
        width, num_heads = encoder.d_model, encoder.encoder_attention_heads
        if width % num_heads:
            raise InvalidInput(f"a width of {width} does not split into {num_heads} heads", "encoder")
        num_taps = len(config.resolve_tapped_layers(encoder.encoder_layers))
        queries = (nn.Parameter(torch.randn(1, config.num_queries, width)) for _ in range(num_taps))
        self.layer_prompts = nn.ParameterList(queries)
        self.layer_weights = nn.Parameter(torch.zeros(config.num_queries, num_taps))
        self.qformer = QFormer(config, width, num_heads)
        self.proj = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, llm_width))
        self.apply(_initialise)

    def forward(self, taps: Tensor) -> Tensor:
        """Returns vectors of shape `(batch, num_queries, llm_width)`, whatever the clips' durations.

        Args:
            taps: outputs of the tapped layers, of shape `(batch, taps, positions, width)`. Outside autocast they are
                cast to the connector's dtype.
        """
        batch, num_taps, positions, width = taps.shape
        if not torch.is_autocast_enabled(taps.device.type):
            taps = taps.to(self.layer_weights.dtype)
        queries = torch.cat(list(self.layer_prompts)).repeat(batch, 1, 1)
        heard: Tensor = self.qformer(queries, taps.reshape(batch * num_taps, positions, width))
        heard = heard.view(batch, num_taps, -1, width)
        shares = self.layer_weights.softmax(dim=-1).T.unsqueeze(-1)  # (taps, num_queries, 1)
        return self.proj((heard * shares).sum(dim=1))


class QFormer(nn.Module):
    """A stack of `Layer`s."""

    def __init__(self, config: DestaConfig, width: int, num_heads: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(config, width, num_heads) for _ in range(config.qformer_layers))

    def forward(self, queries: Tensor, heard: Tensor) -> Tensor:
        """Returns the queries, `(batch, queries, width)`, after reading `heard`, `(batch, positions, width)`."""
        for layer in self.layer:
            queries = layer(queries, heard)
        return queries


class Layer(nn.Module):
    """Self-attention, cross-attention and feed-forward, each with dropout, residual and norm after it."""

    def __init__(self, config: DestaConfig, width: int, num_heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, num_heads, config.dropout)
        self.crossattention = CrossAttention(width, num_heads, config.dropout)
        self.intermediate = Intermediate(width, config.intermediate_width)
        self.output = Output(config.intermediate_width, width, config.dropout)

    def forward(self, queries: Tensor, heard: Tensor) -> Tensor:
        queries = self.attention(queries, queries)
        queries = self.crossattention(queries, heard)
        return self.output(self.intermediate(queries), queries)


class Attention(nn.Module):
    """Multi-head attention without a mask, and what follows it."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.self = Projections(width)
        self.output = Output(width, width, dropout)

    def forward(self, queries: Tensor, heard: Tensor) -> Tensor:
        """Returns `queries`, `(batch, queries, width)`, after attending to `heard`, `(batch, positions, width)`."""
        mixed = scaled_dot_product_attention(
            self._heads(self.self.query(queries)),
            self._heads(self.self.key(heard)),
            self._heads(self.self.value(heard)),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.output(mixed.transpose(1, 2).flatten(2), queries)

    def _heads(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class CrossAttention(Attention):
    """Attention to many positions, whose keys and values are never made.

    Their maps are applied to the few queries instead: `q (X K)ᵀ = (q Kᵀ) Xᵀ` and `p (X V) = (p X) V`. It is no dearer
    while the queries are no more than a head is wide, which is 64 in every Whisper; its backward pass is cheaper, since
    `X` takes no gradient, and two tensors of the size of `X` need not be kept for it.
    """

    def forward(self, queries: Tensor, heard: Tensor) -> Tensor:
        query = self._heads(self.self.query(queries))
        batch, num_heads, num_queries, depth = query.shape
        key, value = (linear.weight.view(num_heads, depth, -1) for linear in (self.self.key, self.self.value))
        query = query * depth**-0.5
        asked = torch.einsum("bhqd,hdw->bhqw", query, key).flatten(1, 2)
        offset = torch.einsum("bhqd,hd->bhq", query, self.self.key.bias.view(num_heads, depth)).reshape(batch, -1, 1)
        shares = torch.baddbmm(offset, asked, heard.transpose(1, 2)).softmax(dim=-1)
        shares = dropout(shares, self.dropout, self.training)
        read = torch.bmm(shares, heard).view(batch, num_heads, num_queries, -1)
        mixed = torch.einsum("bhqw,hdw->bhqd", read, value)
        # Dropout leaves shares that do not sum to one.
        sums = shares.sum(dim=-1).view(batch, num_heads, num_queries, 1)
        mixed = mixed + sums * self.self.value.bias.view(num_heads, 1, depth)
        return self.output(mixed.transpose(1, 2).flatten(2), queries)


class Projections(nn.Module):
    """The three inputs of attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)


class Intermediate(nn.Module):
    """The widening half of the feed-forward."""

    def __init__(self, width: int, intermediate_width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, intermediate_width)

    def forward(self, vectors: Tensor) -> Tensor:
        return gelu(self.dense(vectors))


class Output(nn.Module):
    """A linear map, dropout, the residual and the norm."""

    def __init__(self, width_in: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, width)
        self.LayerNorm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(vectors)) + residual)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=INIT_STD)
        nn.init.zeros_(module.bias)
