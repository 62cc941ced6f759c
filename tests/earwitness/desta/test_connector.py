from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, WhisperConfig
from transformers.models.bert.modeling_bert import BertEncoder

from earwitness.desta.config import DestaConfig
from earwitness.desta.connector import Connector
from earwitness.errors import InvalidInput
from tests.earwitness.desta.conftest import LLM_WIDTH, large_v3, noise


@pytest.fixture
def connector(config, encoder):
    torch.manual_seed(3)
    return Connector(config, encoder.encoder.config, LLM_WIDTH).eval()


@pytest.fixture
def taps():
    return torch.randn(2, 4, 20, 32, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(
    ("llm_width", "num_parameters"),
    [(4096, 131_540_224), (2560, 129_572_608), (5120, 132_851_968), (3584, 130_884_352), (3072, 130_228_480)],
)
def test_with_whisper_large_v3_it_has_as_many_parameters_as_the_reference(llm_width, num_parameters):
    with torch.device("meta"):
        connector = Connector(DestaConfig(encoder="e", llm="l"), large_v3(), llm_width)
    assert sum(parameter.numel() for parameter in connector.parameters()) == num_parameters


def bert(connector, config):
    """transformers' encoder with the connector's weights; eager, because under SDPA it would be causal."""
    bert_config = BertConfig(
        hidden_size=32,
        num_attention_heads=4,
        num_hidden_layers=config.qformer_layers,
        intermediate_size=config.intermediate_width,
        is_decoder=True,
        add_cross_attention=True,
        attn_implementation="eager",
    )
    encoder = BertEncoder(bert_config).eval()
    encoder.load_state_dict(connector.qformer.state_dict(), strict=True)
    return encoder


@torch.no_grad()
def test_it_equals_the_reference_built_on_transformers_bert(connector, config, taps):
    connector.layer_weights.normal_()
    for parameter in connector.qformer.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.1)
    reference = bert(connector, config)
    read = [
        reference(connector.layer_prompts[tap].expand(2, -1, -1), encoder_hidden_states=taps[:, tap]).last_hidden_state
        for tap in range(4)
    ]
    shares = torch.softmax(connector.layer_weights, dim=-1)
    mixed = sum(read[tap] * shares[:, tap].view(1, -1, 1) for tap in range(4))
    assert torch.allclose(connector(taps), connector.proj(mixed), atol=1e-5)


@torch.no_grad()
def test_every_query_sees_the_last_one(connector, taps):
    before = connector(taps)[:, 0]
    connector.layer_prompts[0][0, -1] += 1.0
    assert not torch.allclose(connector(taps)[:, 0], before, atol=1e-6)


@pytest.mark.parametrize("seconds", [1, 30])
def test_a_clip_gives_sixty_four_vectors_whatever_its_duration(connector, encoder, seconds):
    assert connector(encoder(encoder.features([noise(seconds)]))).shape == (1, 64, LLM_WIDTH)


@torch.no_grad()
def test_a_tapped_layer_without_weight_is_not_heard(connector, taps):
    connector.layer_weights[:, 2] = -1e9
    before = connector(taps)
    taps[:, 2] += 1.0
    assert torch.equal(connector(taps), before)
    taps[:, 1] += 1.0
    assert not torch.equal(connector(taps), before)


def test_tapped_layers_weigh_alike_at_first(connector):
    assert not connector.layer_weights.any()
    assert connector.layer_weights.shape == (64, 4)


def test_it_starts_as_bert_does(config):
    connector = Connector(config, WhisperConfig(d_model=256, encoder_layers=4, encoder_attention_heads=4), 256)
    weight = connector.qformer.layer[0].attention.self.query.weight
    assert abs(weight.std().item() - 0.02) < 0.001
    assert not connector.proj[1].bias.any()
    assert abs(torch.cat(list(connector.layer_prompts)).std().item() - 1.0) < 0.02
    assert connector.qformer.layer[0].output.LayerNorm.eps == 1e-12


def test_names_are_those_of_the_released_checkpoint(connector):
    names = set(connector.state_dict())
    assert {"layer_weights", "layer_prompts.0", "layer_prompts.3"} <= names
    assert {"proj.0.weight", "proj.0.bias", "proj.1.weight", "proj.1.bias"} <= names
    layer = {name.removeprefix("qformer.layer.1.") for name in names if name.startswith("qformer.layer.1.")}
    attention = [f"self.{part}" for part in ("query", "key", "value")] + ["output.dense", "output.LayerNorm"]
    modules = [f"{kind}.{part}" for kind in ("attention", "crossattention") for part in attention]
    modules += ["intermediate.dense", "output.dense", "output.LayerNorm"]
    assert layer == {f"{module}.{kind}" for module in modules for kind in ("weight", "bias")}


def test_dropout_works_in_training_only(config, encoder, taps):
    connector = Connector(replace(config, dropout=0.5), encoder.encoder.config, LLM_WIDTH)
    assert not torch.equal(connector(taps), connector(taps))
    connector.eval()
    assert torch.equal(connector(taps), connector(taps))


def test_heads_must_divide_the_width(config):
    with pytest.raises(InvalidInput, match="5 heads"):
        Connector(config, WhisperConfig(d_model=32, encoder_layers=4, encoder_attention_heads=5), 8)
