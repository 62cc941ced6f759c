from dataclasses import fields, replace

import pytest

from earwitness.config import load
from earwitness.errors import InvalidInput
from services.trainer.config import OPERATION, EvaluateConfig, TrainConfig, recipe


def test_the_defaults_are_the_reference_recipe():
    """kehanlu/DeSTA2.5-Audio, examples/train/config/desta25_llama31-8B_Qformer6L.yaml."""
    config = TrainConfig(llm="meta-llama/Llama-3.1-8B-Instruct", steps=1)
    assert (config.encoder, config.qformer_layers, config.num_queries) == ("openai/whisper-large-v3", 6, 64)
    assert (config.learning_rate, config.betas, config.weight_decay) == (1e-4, (0.9, 0.98), 0.01)
    assert (config.clip_norm, config.warmup_steps, config.micro_batch_size) == (1.0, 5000, 12)
    assert config.batch_size == 8 * 12
    assert (config.dtype, config.seed) == ("bfloat16", 42)


@pytest.mark.parametrize(
    "setting",
    ["batch_size=0", "steps=0", "warmup_steps=-1", "save_every=0", "keep_last=0", "workers=-1", "spike_factor=0.5",
     "mirror=/a/folder", "max_failures=-2"],
)  # fmt: skip
def test_a_count_that_cannot_be_is_refused_by_its_name(setting):
    with pytest.raises(InvalidInput) as caught:
        load(TrainConfig, None, ["llm=tiny", "steps=9", setting])
    assert caught.value.field == setting.partition("=")[0]


def test_every_worker_has_as_many_passes_as_the_others():
    with pytest.raises(InvalidInput, match="8 passes a step do not go to 3 workers"):
        TrainConfig(llm="tiny", steps=1, workers=3)
    assert TrainConfig(llm="tiny", steps=1, workers=4).passes == 8


def test_a_recipe_holds_what_changes_the_losses_and_nothing_else():
    assert {field.name for field in fields(TrainConfig)} >= OPERATION
    one = TrainConfig(llm="tiny", steps=1)
    assert recipe(one) == recipe(replace(one, save_every=7, workers=2, keep_last=9, mirror="s3://bucket"))
    for changed in ({"learning_rate": 1.0}, {"batch_size": 8}, {"bucket_batches": 1}, {"on_bad_step": "skip"}):
        assert recipe(one) != recipe(replace(one, **changed))


def test_a_file_may_ask_for_evaluations(tmp_path):
    file = tmp_path / "train.yaml"
    file.write_text("llm: tiny\nsteps: 9\nevaluate:\n  benchmarks: [mini-mmau]\n  every: 2\n")
    assert load(TrainConfig, file).evaluate == EvaluateConfig(benchmarks=("mini-mmau",), every=2)
    with pytest.raises(InvalidInput, match=r"evaluate\.benchmarks"):
        load(TrainConfig, file, ["evaluate.benchmarks=[]"])
