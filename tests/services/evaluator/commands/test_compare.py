import pytest

from earwitness.errors import EarwitnessError
from services.cli.main import main, parser
from services.evaluator import result
from services.evaluator.items import Answer
from services.evaluator.measurement import measure
from tests.services.evaluator import sample
from tests.services.evaluator.test_result import DESCRIPTION


@pytest.fixture
def folders(tmp_path):
    """A run of 120 items that is right on all, and one that is wrong on the first 12."""
    benchmark = sample.benchmark("mini-akb")
    for name, wrong in (("good", 0), ("worse", 12)):
        answers = {
            item.id: Answer(text="nothing" if at < wrong else item.answer or "", finish_reason="stop")
            for at, item in enumerate(benchmark.items)
        }
        run = measure(benchmark, answers, DESCRIPTION, folder=tmp_path / name)
        result.save(result.Experiment(name=name, results=(run,)), tmp_path / name)
    return tmp_path / "good", tmp_path / "worse"


def error(*arguments: object) -> EarwitnessError:
    options = parser().parse_args([str(argument) for argument in arguments])
    with pytest.raises(EarwitnessError) as caught:
        options.execute(options)
    return caught.value


def test_two_runs_are_compared_over_all_items_and_over_every_group(folders, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert main(["compare", *map(str, folders)]) == 0
    said = capsys.readouterr().out
    total = next(line.split() for line in said.splitlines() if line.split()[:1] == ["all"])
    assert total[:4] == ["all", "120", "100.0", "90.0"]
    assert "+10.0" in total
    assert "Phonetic" in said and "Topic 1" in said
    assert said.count("against") >= 10


def test_a_gate_lets_an_equal_and_a_better_run_pass_and_stops_a_worse_one(folders, capsys):
    good, worse = folders
    for candidate in (good, worse):
        assert main(["gate", str(candidate), str(worse)]) == 0
    assert main(["gate", str(worse), str(good)]) == 1
    assert "does not pass" in capsys.readouterr().err
    assert main(["gate", str(worse), str(good), "--max-drop", "15"]) == 0


def test_runs_of_other_items_cannot_be_compared(folders, tmp_path):
    other = sample.benchmark("mini-mmau")
    answers = {item.id: Answer(text="x", finish_reason="stop") for item in other.items}
    run = measure(other, answers, DESCRIPTION, folder=tmp_path / "other")
    result.save(result.Experiment(name="other", results=(run,)), tmp_path / "other")
    assert error("compare", folders[0], tmp_path / "other").field == "benchmark"


def test_a_run_that_is_not_there_or_not_told_apart_is_a_clear_error(folders, tmp_path):
    assert "no such run" in str(error("compare", *folders, "--benchmark", "mmau"))
    sample_folder = tmp_path / "sample"
    result.save(sample.experiment(folder=sample_folder), sample_folder)
    assert "--benchmark" in str(error("compare", sample_folder, sample_folder))
    found = ("--benchmark", "mini-akb", "--setting", "text", "--backbone", "SmolLM2-135M-Instruct,Qwen3-0.6B")
    assert main(["compare", str(sample_folder), str(sample_folder), *found]) == 0
