import argparse
from dataclasses import replace

import pytest

from earwitness.errors import InvalidInput
from services.evaluator import result
from services.evaluator.benchmarks import load
from services.evaluator.commands import rescore
from services.evaluator.items import Answer
from services.evaluator.measurement import measure
from tests.services.evaluator.test_result import DESCRIPTION
from tools.open_akb.build import OPEN

FILE = OPEN / "open-akb.jsonl"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that is right on every item of open-akb."""
    folder, benchmark = tmp_path_factory.mktemp("results"), load("akb", FILE)
    answers = {item.id: Answer(text=item.answer or "", finish_reason="stop") for item in benchmark.items}
    described = replace(DESCRIPTION, setting="text", captioner="")
    run = measure(benchmark, answers, described, folder=folder)
    result.save(result.Experiment(name="x", results=(run,)), folder)
    return folder


def run(*arguments):
    parser = argparse.ArgumentParser()
    rescore.register(parser.add_subparsers())
    options = parser.parse_args(["rescore", *map(str, arguments)])
    options.execute(options)


def test_a_run_of_open_akb_is_scored_on_mini_akb_and_no_model_is_asked(folder, tmp_path, capsys):
    run(folder, "--benchmark", "mini-akb", "--to", tmp_path)
    assert "240 of 240 items have an answer; no model was asked" in capsys.readouterr().out
    (made,) = result.load(tmp_path).results
    assert (made.benchmark, made.total.n, made.total.correct) == ("mini-akb", 240, 240)
    assert result.load(tmp_path).usage[0].asked == 0


def test_a_larger_version_is_scored_in_part_where_that_is_wished(folder, tmp_path, capsys):
    run(folder, "--benchmark", "mini-akb", "--to", tmp_path / "mini")
    back = (tmp_path / "mini", "--benchmark", "akb", "--data", FILE, "--to", tmp_path / "open")
    with pytest.raises(InvalidInput, match="no answer to 720 of 960 items"):
        run(*back)
    run(*back, "--partial")
    assert "left out: onomatopoeia-06" in capsys.readouterr().out
    assert result.load(tmp_path / "open").results[0].total.n == 240


def test_the_old_results_are_not_written_over(folder):
    with pytest.raises(InvalidInput, match="folder of their own"):
        run(folder, "--benchmark", "mini-akb", "--to", folder)
    with pytest.raises(InvalidInput, match="folder of their own"):
        run(folder, "--benchmark", "mini-akb")


def test_without_a_benchmark_the_answers_are_read_by_the_extractors_of_today(folder, capsys):
    run(folder)
    assert "0 of 960 outcomes changed" in capsys.readouterr().out
