import json
from dataclasses import replace

import pytest

from earwitness.errors import EarwitnessError
from services.cli.main import main, parser
from services.evaluator import result
from tests.services.evaluator import sample


@pytest.fixture
def folder(tmp_path):
    """Two backbones through three settings, with their answers."""
    experiment = sample.experiment(folder=tmp_path)
    result.save(experiment, tmp_path)
    return tmp_path


def say(capsys, *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def refuse(*arguments: object) -> EarwitnessError:
    options = parser().parse_args([str(argument) for argument in arguments])
    with pytest.raises(EarwitnessError) as caught:
        options.execute(options)
    return caught.value


def test_a_report_shows_the_tables_and_writes_the_page(folder, capsys):
    said = say(capsys, "report", folder)
    assert "SmolLM2-135M-Instruct" in said
    assert "<html" in (folder / "report.html").read_text()


@pytest.mark.parametrize("kind", ["markdown", "csv", "json", "parquet", "latex"])
def test_every_export_writes_its_file_and_the_same_bytes_again(folder, capsys, kind):
    say(capsys, "report", folder, "--export", kind, "--to", folder / "first")
    say(capsys, "report", folder, "--export", kind, "--to", folder / "second")
    assert (folder / "first").read_bytes() == (folder / "second").read_bytes() != b""


def test_every_answer_can_be_exported(folder, capsys):
    say(capsys, "report", folder, "--export", "json", "--items", "--to", folder / "items.json")
    experiment = result.load(folder)
    assert (folder / "items.json").read_text().count('"finish_reason"') >= sum(
        len(run.outcomes) for run in experiment.results
    )


def test_an_export_wants_a_place(folder):
    assert refuse("report", folder, "--export", "csv").field == "--to"


def test_the_published_results_stand_alone_and_beside_one_s_own(folder, tmp_path, capsys):
    said = say(capsys, "report", tmp_path / "nothing", "--published", "--html", tmp_path / "published.html")
    assert "Phi-4-14B" in said
    own = result.load(folder)
    named = [replace(run, benchmark=run.benchmark.removeprefix("mini-")) for run in own.results]
    result.save(replace(own, results=tuple(named)), folder)
    say(capsys, "report", folder, "--published", "--html", tmp_path / "beside.html")
    assert "SmolLM2" in (tmp_path / "beside.html").read_text()
    assert "SmolLM2" not in (tmp_path / "published.html").read_text()


def test_rescoring_without_a_change_changes_nothing(folder, capsys):
    before = (folder / result.RESULTS).read_bytes()
    said = say(capsys, "rescore", folder)
    assert said.count(" 0 of ") == len(result.load(folder).results)
    assert (folder / result.RESULTS).read_bytes() == before


def test_prices_are_read_by_the_backbone_s_name(folder, tmp_path, capsys):
    prices = tmp_path / "prices.yaml"
    entry = {"source": "https://example.org", "date": "2026-11-23", "prompt_per_million": 1.0}
    prices.write_text(json.dumps({"prices": {"SmolLM2-135M-Instruct": entry}}))
    say(capsys, "report", folder, "--prices", prices)
    assert refuse("report", folder, "--prices", tmp_path / "none.yaml").code == "NOT_FOUND"
