import json
import re
from pathlib import Path

import jinja2
import pytest
import yaml

from tools.bench import rivals, workload
from tools.bench.contestants import Contestant, Trial
from tools.bench.serving import MockProcess


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    work = workload.write_text(tmp_path, 8)
    return Trial(workload=work, in_flight=96, mock=MockProcess(http=8001, grpc=8002), folder=tmp_path)


def test_lm_eval_s_task_words_a_question_as_earwitness_does_and_knows_its_answer(trial: Trial) -> None:
    rivals.LmEval().command(trial)
    task = yaml.safe_load((trial.folder / "tasks" / "bench.yaml").read_text())
    assert task["description"] == workload.SYSTEM
    assert task["dataset_kwargs"]["data_files"] == str(trial.workload.path)
    for row in map(json.loads, trial.workload.path.read_text().splitlines()):
        assert jinja2.Template(task["doc_to_text"]).render(row) == workload.prompt(row["question"], row["choices"])
        letter = jinja2.Template(task["doc_to_target"]).render(row)
        assert row["choices"]["ABCD".index(letter)] == row["answer"]
        assert (letter == "B") == (row["answer"] == workload.MOCK_CHOICE)


@pytest.mark.parametrize("contestant", [rivals.LmEval(), rivals.InspectAi()])
def test_a_rival_asks_the_mock_with_as_many_in_flight(trial: Trial, contestant: Contestant) -> None:
    line = " ".join(contestant.command(trial).arguments)
    assert "http://127.0.0.1:8001/v1" in line
    assert re.search(r"(num_concurrent=|--max-connections )96\b", line)


def test_every_pin_is_exact_and_what_is_measured_is_among_them() -> None:
    pins = [line for line in rivals.CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert set(rivals.NAMES) <= {pin.partition("==")[0] for pin in pins}
