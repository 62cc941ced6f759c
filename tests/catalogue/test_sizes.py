"""The catalogue's numbers are those of transformers' own model classes at the published shapes."""

from typing import Any

import pytest

from earwitness import footprint
from earwitness.catalogue import find, systems
from tests.catalogue import shapes

pytestmark = pytest.mark.catalogue


def count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def built(name: str) -> Any:
    """Returns the model at full size, without memory for its weights."""
    import torch
    import transformers

    with torch.device("meta"):
        if name in shapes.TEXT:
            kind, shape = shapes.TEXT[name]
            return transformers.AutoModelForCausalLM.from_config(getattr(transformers, kind)(**shape))
        kind, shape = shapes.HEARING[name]
        config = getattr(transformers, f"{kind}Config")(**shape)
        return getattr(transformers, f"{kind}ForConditionalGeneration")(config)


COUNTED = [system.name for system in systems() if system.parameters and not system.parameters_from]


def test_every_counted_model_has_a_shape() -> None:
    assert set(COUNTED) == shapes.TEXT.keys() | shapes.HEARING.keys()


@pytest.mark.parametrize("name", COUNTED)
def test_parameters_are_those_of_the_published_shape(name: str) -> None:
    assert count(built(name)) == find(name).parameters


@pytest.mark.parametrize("name", shapes.TEXT)
def test_cache_and_embeddings_are_those_of_the_published_shape(name: str) -> None:
    _, shape = shapes.TEXT[name]
    system = find(name)
    cache = system.cache
    assert cache
    width = shape.get("head_dim", shape["hidden_size"] // shape["num_attention_heads"])
    assert (cache.layers, cache.heads, cache.width) == (shape["num_hidden_layers"], shape["num_key_value_heads"], width)
    assert system.embeddings in (None, (shape["vocab_size"], shape["hidden_size"]))


@pytest.mark.parametrize("name", sorted({system.backbone for system in systems() if system.backbone}))
def test_the_connector_has_as_many_parameters_as_the_footprint_says(name: str) -> None:
    import torch

    from earwitness.desta.config import DestaConfig
    from earwitness.desta.connector import Connector

    _, width = find(name).embeddings or (0, 0)
    fixed, more = footprint.CONNECTOR
    encoder = built("Whisper-large-v3")
    with torch.device("meta"):
        connector = Connector(DestaConfig(encoder="", llm=""), encoder.config, width)
    assert count(connector) == fixed + more * width
    assert count(encoder.model.encoder) == footprint.ENCODER
