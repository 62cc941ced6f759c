import json

import pytest

from earwitness import models
from earwitness.desta.checkpoint import read_card
from earwitness.desta.config import LoraConfig
from services.evaluator import result
from services.trainer import rows
from services.trainer.config import EvaluateConfig
from services.trainer.evaluation import SERVED, Evaluations
from services.trainer.session import train
from tests.catalogue import families, hearing
from tests.services.trainer.conftest import row, settings


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoints" / "step-00000002"
    folder.mkdir(parents=True)
    for name in (*SERVED, "optimizer.safetensors"):
        (folder / name).write_text(name)
    return folder


def test_a_failed_evaluation_is_said_with_its_cause_and_ends_nothing(checkpoint, tmp_path):
    said: list[str] = []
    config = EvaluateConfig(lalm=("no_such_setting=1",))
    with Evaluations(config, tmp_path / "evaluations", said.append) as evaluations:
        evaluations.submit("abc-step-00000002", checkpoint)
    (line,) = said
    assert line.startswith("evaluation of abc-step-00000002 failed: ") and "no_such_setting" in line
    place = tmp_path / "evaluations" / "abc-step-00000002"
    assert [path.name for path in place.iterdir()] == ["lalm.log"]
    assert len(list(checkpoint.iterdir())) == 3


def test_a_checkpoint_whose_turn_it_is_not_or_that_was_evaluated_before_is_left_alone(checkpoint, tmp_path):
    said: list[str] = []
    done = tmp_path / "evaluations" / "done before"
    done.mkdir(parents=True)
    (done / "done").touch()
    with Evaluations(EvaluateConfig(every=3), tmp_path / "evaluations", said.append) as evaluations:
        for name in ("first", "second", "done before"):
            evaluations.submit(name, checkpoint)
        evaluations.submit("done before", checkpoint, last=True)
    assert said == []


def test_a_checkpoint_that_waits_outlives_its_run_s_copy(checkpoint, tmp_path):
    said: list[str] = []
    config = EvaluateConfig(lalm=("no_such_setting=1",))
    evaluations = Evaluations(config, tmp_path / "evaluations", said.append)
    (tmp_path / "evaluations").mkdir()
    evaluations.submit("waits", checkpoint)
    for path in checkpoint.iterdir():
        path.unlink()
    held = tmp_path / "evaluations" / "waits" / "checkpoint"
    assert {path.name: path.read_text() for path in held.iterdir()} == {name: name for name in SERVED}


@pytest.fixture
def named(tmp_path):
    """A tiny LLM with room for a benchmark's questions, and a tiny Whisper that writes."""
    llm, encoder = tmp_path / "llm", tmp_path / "encoder"
    families.model("Llama-3.1-8B", llm)
    card = json.loads((llm / "config.json").read_text())
    (llm / "config.json").write_text(json.dumps(card | {"max_position_embeddings": 2048}))
    hearing.whisper(encoder)
    return {"llm": str(llm), "encoder": str(encoder)}


@pytest.mark.catalogue
@pytest.mark.timeout(600)
def test_every_checkpoint_is_asked_a_benchmark_while_training_goes_on_and_its_results_say_which_it_was(
    named, corpus, tmp_path, capsys
):
    """Of a connector and adapters, which are served as they were saved."""
    targets, out = tmp_path / "targets", tmp_path / "run"
    targets.mkdir()
    for split in ("train", "held_out"):
        rows.append(targets / f"{split}.jsonl", [row(number) for number in range(4)])
    lalm = ("vllm.max_model_len=2048", "vllm.max_num_seqs=8")
    evaluate = EvaluateConfig(benchmarks=("mini-mmau",), lalm=lalm, run=("--max-tokens=2",))
    shape = {"num_queries": 4, "qformer_layers": 1, "steps": 2, "save_every": 1, "threads": 1}
    config = settings(**named, **shape, lora=LoraConfig(rank=2), evaluate=evaluate)
    card = read_card(train(config, targets, corpus, out))
    asked = {each.parameters["lineage.step"]: each for each in result.load(out / "evaluations").results}
    assert asked.keys() == {"1", "2"}, capsys.readouterr().out
    for each in asked.values():
        assert (each.benchmark, each.setting, each.total.failed) == ("mini-mmau", "audio", 0)
        assert each.fingerprint == models.fingerprint(tmp_path / "llm")
        assert each.parameters["lineage.run"] == card.extra["run"]
        assert each.parameters["lineage.data.train_rows"] == card.extra["data"]["train_rows"]
        assert each.parameters["lineage.code.sha256"] == card.extra["code"]["sha256"]
    assert asked["1"].checkpoint != asked["2"].checkpoint
