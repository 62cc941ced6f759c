"""What a DeSTA model is made of: the settings that training and serving must share, and their JSON.

The module knows nothing of tensors; it imports neither torch nor transformers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, Protocol

from earwitness.errors import InvalidInput, UnknownKey

Dtype = Literal["float32", "bfloat16"]


class EncoderShape(Protocol):
    """What the connector must know of its encoder; transformers' `WhisperConfig` is one."""

    d_model: int
    encoder_layers: int
    encoder_attention_heads: int


def default_tapped_layers(num_layers: int) -> tuple[int, ...]:
    """Returns the encoder layers whose outputs the connector hears, 0-based: the last layer of each quarter of the
    depth.

    Quarters that do not end on a layer are rounded up. This gives the layers of kehanlu/DeSTA2.5-Audio for Whisper tiny
    (0, 1, 2, 3), small (2, 5, 8, 11), medium (5, 11, 17, 23) and large (7, 15, 23, 31). DeSTA has no base model: ours
    taps (1, 2, 4, 5). An encoder of fewer than four layers is tapped at each.
    """
    return tuple(sorted({-(-num_layers * quarter // 4) - 1 for quarter in range(1, 5)}))


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraConfig:
    """Low-rank adapters in the LLM, as kehanlu/DeSTA2.5-Audio has them where its `use_lora` is on."""

    rank: int = 16
    alpha: int = 16
    """What the adapters say is scaled by `alpha / rank`."""
    dropout: float = 0.1
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    """Linear maps of every layer, by the ends of their names. Where an LLM has all three in one, that is adapted."""

    def __post_init__(self) -> None:
        """Raises `InvalidInput`, with the field, for a value out of range."""
        if self.rank < 1:
            raise InvalidInput(f"must be at least 1, not {self.rank}", "lora.rank")
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidInput(f"must be in [0, 1), not {self.dropout}", "lora.dropout")
        if not self.targets:
            raise InvalidInput("names no linear map", "lora.targets")


@dataclass(frozen=True, kw_only=True, slots=True)
class DestaConfig:
    """The settings of one DeSTA model; whoever serves a connector uses those that it was trained with."""

    encoder: str
    """A Whisper model: a hub id or a folder. Only its encoder is used."""
    llm: str
    """A causal language model: a hub id or a folder."""
    num_queries: int = 64
    """Vectors per clip, whatever its duration."""
    qformer_layers: int = 6
    tapped_layers: tuple[int, ...] | None = None
    """0-based, ascending; None takes `default_tapped_layers`."""
    intermediate_width: int = 3072
    """Of the Q-Former's feed-forward layers: BertConfig's default, which the reference keeps at every width."""
    dropout: float = 0.1
    max_transcript_tokens: int = 100
    """A longer transcript is cut here, in training and in serving alike. 0 leaves transcripts out."""
    start_marker: str = "<start_audio>"
    end_marker: str = "<end_audio>"
    dtype: Dtype = "float32"
    """Of the frozen encoder and LLM. The connector's parameters are float32; it computes in this dtype (autocast)."""
    template_options: Mapping[str, bool | int | str] = field(default_factory=lambda: {"enable_thinking": False})
    """Variables of the LLM's chat template. Templates ignore those they do not have."""
    lora: LoraConfig | None = None
    """None leaves the LLM as it is, which is the reference's default."""

    def __post_init__(self) -> None:
        """Raises `InvalidInput`, with the field, for a value out of range."""
        for name, least in (("num_queries", 1), ("qformer_layers", 1), ("intermediate_width", 1)):
            if getattr(self, name) < least:
                raise InvalidInput(f"must be at least {least}, not {getattr(self, name)}", name)
        if self.max_transcript_tokens < 0:
            raise InvalidInput(f"must be 0 or more, not {self.max_transcript_tokens}", "max_transcript_tokens")
        if not 0.0 <= self.dropout < 1.0:
            raise InvalidInput(f"must be in [0, 1), not {self.dropout}", "dropout")

    def resolve_tapped_layers(self, num_layers: int) -> tuple[int, ...]:
        """Returns the tapped layers of an encoder of `num_layers` layers.

        Raises:
            InvalidInput: `tapped_layers` is empty, not ascending, or names a layer that the encoder does not have.
        """
        if self.tapped_layers is None:
            return default_tapped_layers(num_layers)
        layers = self.tapped_layers
        if not layers or sorted(set(layers)) != list(layers) or layers[0] < 0 or layers[-1] >= num_layers:
            raise InvalidInput(
                f"{list(layers)} does not fit an encoder of {num_layers} layers",
                "tapped_layers",
                f"give ascending numbers from 0 to {num_layers - 1}",
            )
        return layers

    def to_json(self) -> dict[str, object]:
        """Returns the settings as JSON values; those of an LLM that is left as it is do not speak of adapters."""
        values = asdict(self)
        if self.lora is None:
            del values["lora"]
        return values


def config_from_json(values: Mapping[str, object]) -> DestaConfig:
    """Returns the settings that `DestaConfig.to_json` wrote.

    Raises:
        UnknownKey: a key that is no setting.
        InvalidInput: a setting is missing, of the wrong type or out of range.
    """
    known = [item.name for item in fields(DestaConfig)]
    for key in values:
        if key not in known:
            raise UnknownKey("is not a setting of a DeSTA model", key, f"known: {', '.join(known)}")
    import msgspec

    try:
        return msgspec.convert(dict(values), DestaConfig)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from None
