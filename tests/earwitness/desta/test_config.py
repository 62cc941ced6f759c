import json
import subprocess
import sys

import pytest

from earwitness.desta.config import DestaConfig, config_from_json, default_tapped_layers
from earwitness.errors import InvalidInput, UnknownKey

CONFIG = DestaConfig(encoder="openai/whisper-large-v3", llm="Qwen/Qwen3-8B")


@pytest.mark.parametrize(
    ("num_layers", "tapped"),
    [
        (4, (0, 1, 2, 3)),
        (6, (1, 2, 4, 5)),
        (12, (2, 5, 8, 11)),
        (24, (5, 11, 17, 23)),
        (32, (7, 15, 23, 31)),
        (2, (0, 1)),
    ],
)
def test_each_size_of_whisper_is_tapped_at_the_quarters_of_its_depth(num_layers, tapped):
    assert default_tapped_layers(num_layers) == tapped
    assert CONFIG.resolve_tapped_layers(num_layers) == tapped


def test_tapped_layers_of_the_users_choice_are_kept():
    config = DestaConfig(encoder="e", llm="l", tapped_layers=(1, 3))
    assert config.resolve_tapped_layers(4) == (1, 3)


@pytest.mark.parametrize("layers", [(), (3, 1), (1, 1), (-1, 2), (1, 4)])
def test_tapped_layers_that_do_not_fit_are_refused(layers):
    config = DestaConfig(encoder="e", llm="l", tapped_layers=layers)
    with pytest.raises(InvalidInput, match="tapped_layers"):
        config.resolve_tapped_layers(4)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        DestaConfig(
            encoder="e", llm="l", tapped_layers=(1, 3), dtype="bfloat16", template_options={"a": True, "b": "x"}
        ),
    ],
)
def test_settings_survive_json(config):
    assert config_from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_key_that_does_not_exist_is_named():
    with pytest.raises(UnknownKey, match="qformer_layer:"):
        config_from_json(CONFIG.to_json() | {"qformer_layer": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"num_queries": "64"},
        {"num_queries": 0},
        {"dtype": "float16"},
        {"dropout": 1.0},
        {"max_transcript_tokens": -1},
        {"tapped_layers": [1.5]},
    ],
)
def test_a_setting_of_the_wrong_type_or_range_is_named(change):
    with pytest.raises(InvalidInput, match=next(iter(change))):
        config_from_json(CONFIG.to_json() | change)


def test_a_missing_setting_is_named():
    with pytest.raises(InvalidInput, match="llm"):
        config_from_json({"encoder": "e"})


def test_settings_and_splicing_import_neither_torch_nor_transformers():
    code = (
        "import sys, earwitness.desta.config, earwitness.desta.splice;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
