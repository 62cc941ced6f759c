from services.cli.experiment import Experiment, ExperimentConfig


def test_other_weights_under_the_same_name_make_another_experiment(tmp_path):
    for name in ("llm", "whisper"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"model_type": "llama"}')
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    config = ExperimentConfig(backbone=str(tmp_path / "llm"), encoder=str(tmp_path / "whisper"))
    before = Experiment(config)._identity()
    assert Experiment(config)._identity() == before
    (tmp_path / "llm" / "model.safetensors").write_bytes(b"others!")
    assert Experiment(config)._identity() != before
