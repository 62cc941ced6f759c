import pytest

from services.trainer.config import EvaluateConfig
from services.trainer.evaluation import SERVED, Evaluations


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
