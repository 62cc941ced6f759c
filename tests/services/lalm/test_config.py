from pathlib import Path

import pytest

from earwitness.config import convert, to_tree
from earwitness.errors import InvalidInput, UnknownKey
from earwitness.media import Sources
from services.lalm.config import LalmConfig


def test_an_engine_without_its_model_is_refused_with_the_field():
    with pytest.raises(InvalidInput, match="checkpoint: is missing"):
        LalmConfig()
    for engine in ("vllm", "openai"):
        with pytest.raises(InvalidInput, match="model: is missing"):
            LalmConfig(engine=engine)


def test_sources_pass_through_a_serve_configuration():
    sources = Sources(folders=(Path("/clips"),), hosts=("clips.example.org",), cache_mib=8)
    config = LalmConfig(engine="vllm", model="./model", long_audio="chunk", sources=sources)
    assert convert(LalmConfig, to_tree(config)) == config
    with pytest.raises(UnknownKey, match="sources"):
        convert(LalmConfig, {"checkpoint": "c", "sources": {"folder": "/clips"}})
