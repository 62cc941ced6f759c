import pytest

from earwitness.config import load
from earwitness.errors import InvalidInput
from services.trainer.config import TrainConfig


def test_the_defaults_are_the_reference_recipe():
    """kehanlu/DeSTA2.5-Audio, examples/train/config/desta25_llama31-8B_Qformer6L.yaml."""
    config = TrainConfig(llm="meta-llama/Llama-3.1-8B-Instruct", steps=1)
    assert (config.encoder, config.qformer_layers, config.num_queries) == ("openai/whisper-large-v3", 6, 64)
    assert (config.learning_rate, config.betas, config.weight_decay) == (1e-4, (0.9, 0.98), 0.01)
    assert (config.clip_norm, config.warmup_steps, config.batch_size) == (1.0, 5000, 12)
    assert (config.dtype, config.seed) == ("bfloat16", 42)


@pytest.mark.parametrize("setting", ["batch_size=0", "steps=0", "warmup_steps=-1", "save_every=0", "held_out_every=0"])
def test_a_count_that_cannot_be_is_refused_by_its_name(setting):
    with pytest.raises(InvalidInput) as caught:
        load(TrainConfig, None, ["llm=tiny", "steps=9", setting])
    assert caught.value.field == setting.partition("=")[0]
