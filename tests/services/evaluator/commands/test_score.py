import argparse
import json
import random
from contextlib import closing

import pytest

from earwitness.errors import InvalidInput, MalformedRow, NotFound
from services.evaluator import result
from services.evaluator.commands import score as score_command
from services.evaluator.ledger import Ledger
from tests.services.evaluator.oracle import evaluate
from tests.services.evaluator.test_answer_file import rows_of, said


@pytest.fixture
def answers(tmp_path):
    """Answers to mini-mmau under two keys: 55 of its 60 items have a row, 50 of them a right `model_output`."""
    random_, path = random.Random(3), tmp_path / "answers.json"
    rows = [
        row | {"model_prediction": said(row, random_), "model_output": row["answer"]} for row in rows_of("mini-mmau")
    ]
    for row in rows[:5]:
        del row["model_output"]
    path.write_text(json.dumps(rows[:55]))
    return path


def score(*arguments: object) -> None:
    parser = argparse.ArgumentParser()
    score_command.register(parser.add_subparsers())
    options = parser.parse_args(["score", *map(str, arguments)])
    options.execute(options)


@pytest.mark.parametrize("width", [80, 120])
def test_each_key_has_its_line_with_both_accuracies_and_both_denominators(answers, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    score(answers, "--benchmark", "mini-mmau")
    printed = capsys.readouterr().out.splitlines()
    assert all(len(line) <= width for line in printed)
    accuracy, outcomes = (words for line in printed if (words := line.split())[:1] == ["model_output"])
    assert accuracy[1:5] == ["100.00", "50", "83.33", "60"]
    assert outcomes[1:] == ["50", "·", "·", "·", "10", "5"]
    assert sum(line.split()[:1] == ["model_prediction"] for line in printed) == 2


def test_every_group_of_every_key_is_printed(answers, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    score(answers, "--benchmark", "mini-mmau")
    printed = capsys.readouterr().out
    labels = {row[field] for row in rows_of("mini-mmau") for field in ("task", "difficulty", "sub-category")}
    for label in labels:
        assert printed.count(f"\n   {label}  ") == 2, label


def test_what_the_file_lacks_and_what_a_phrase_costs_is_said(answers, tmp_path, capsys):
    rows = [row | {"output": f"The answer is: {row['answer']}"} for row in rows_of("mini-mmau")]
    rows[0] |= {"choices": ["The frog", "Bell"], "answer": "Bell", "output": "The answer is: Bell"}
    benchmark = tmp_path / "other.json"
    benchmark.write_text(json.dumps([{**row, "output": None} for row in rows]))
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(rows[:59]))
    score(file, "--benchmark", "mmau", "--data", benchmark)
    printed = " ".join(capsys.readouterr().out.split())
    assert "answers.json: 59 rows for the 60 items of mmau" in printed
    assert f"1 of 60 items have no row in the file: {rows[59]['id']}." in printed
    passed, _ = evaluate(rows[:59], "output", ())["total"][""]
    assert 0 < passed < 59
    assert f"output: the official match passes {passed}, and would pass 59 without" in printed


def test_the_numbers_are_written_as_json(answers, tmp_path):
    file = tmp_path / "numbers.json"
    score(answers, "--benchmark", "mini-mmau", "--json", file)
    numbers = json.loads(file.read_text())
    assert numbers["benchmark"]["items"] == 60
    assert numbers["answers"]["rows"] == 55
    assert len(numbers["answers"]["items_without_row"]) == 5
    assert list(numbers["predictions"]) == ["model_prediction", "model_output"]
    output = numbers["predictions"]["model_output"]
    assert output["rows_without_prediction"] == 5
    assert output["official"] == {"n": 50, "correct": 50, "accuracy": 1.0}
    assert output["ours"]["bounds"] == pytest.approx([50 / 60, 1.0])
    assert sum(output["ours"][outcome] for outcome in ("correct", "wrong", "unparsed", "truncated", "failed")) == 60
    assert output["ours"]["interval"][0] < output["ours"]["accuracy"] < output["ours"]["interval"][1]
    for groups in output["groups"].values():
        assert sum(group["official"]["n"] for group in groups.values()) == 50
        assert sum(group["ours"]["n"] for group in groups.values()) == 60


def test_what_cannot_be_scored_is_an_error_and_writes_nothing(answers, tmp_path):
    file = tmp_path / "numbers.json"
    with pytest.raises(NotFound):
        score(answers, "--benchmark", "mini-nothing", "--json", file)
    with pytest.raises(MalformedRow, match="is no item of mini-akb"):
        score(answers, "--benchmark", "mini-akb", "--json", file)
    assert not file.exists()
    with pytest.raises(InvalidInput, match=r"^--json: .* cannot be written"):
        score(answers, "--benchmark", "mini-mmau", "--json", tmp_path / "nowhere" / "numbers.json")


def test_a_benchmark_that_withholds_every_answer_cannot_be_scored_here(answers, tmp_path):
    withheld = tmp_path / "test.json"
    withheld.write_text(json.dumps([row | {"answer": ""} for row in rows_of("mini-mmau")]))
    with pytest.raises(InvalidInput, match="withholds its answers"):
        score(answers, "--benchmark", "mmau", "--data", withheld)


def test_imported_answers_stand_in_the_ledger_and_beside_the_runs_made_here(answers, tmp_path):
    out = tmp_path / "results"
    wanted = (answers, "--benchmark", "mini-mmau", "--import", "--out", out, "--key", "model_output")
    for _ in range(2):
        score(*wanted, "--backbone", "elsewhere-7b")
    (run,) = result.load(out).results
    assert (run.backbone, run.setting, run.prompt, run.total.n) == ("elsewhere-7b", "audio", "unknown", 60)
    assert (run.total.correct, run.total.failed) == (50, 10)
    with closing(Ledger.at(out / "ledger.sqlite")) as ledger:
        assert ledger.count() == (50, 0, 0)
    assert sum(each.answer.text == each.gold for each in result.items(out, run)) == 50


@pytest.mark.parametrize(
    ("arguments", "field"),
    [((), "--backbone"), (("--backbone", "x"), "--key"), (("--backbone", "x", "--key", "y"), "--key")],
)
def test_an_import_says_whose_answers_they_are_and_which(answers, tmp_path, arguments, field):
    with pytest.raises(InvalidInput) as caught:
        score(answers, "--benchmark", "mini-mmau", "--import", "--out", tmp_path / "results", *arguments)
    assert caught.value.field == field
