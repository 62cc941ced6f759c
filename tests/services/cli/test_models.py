import json
import shlex
from pathlib import Path

import pytest

from earwitness import embedded
from earwitness.catalogue import resolve, systems
from earwitness.errors import InvalidInput
from services.cli.main import main, parser
from services.cli.serve import settings
from services.cli.systems import chosen, commands, scores
from services.evaluator import published

PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"
NAME = {"ids": lambda system: system.name}
STARTING = [system for system in systems() if system.engine != "none"]


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 0
    return capsys.readouterr().out


def test_the_catalogue_has_the_rows_that_the_paper_has() -> None:
    paper = published.load()
    rows = {group: [system.published_as for system in systems() if system.group == group] for group in (
        "open", "proprietary", "published", "trained", "captioners")}  # fmt: skip
    assert sorted(rows["open"] + rows["proprietary"]) == sorted(paper.families)
    assert sorted(rows["trained"]) == sorted(paper.columns["MMAU_A"].rows) == sorted(paper.columns["MMAR_A"].rows)
    assert sorted(rows["published"]) == sorted(paper.lalms)
    assert sorted(rows["captioners"]) == sorted(paper.captioners)


def test_families_are_those_of_the_published_results() -> None:
    families = published.load().families
    llms = [system for system in systems() if system.kind == "llm"]
    assert {system.name: system.family for system in llms} == families


@pytest.mark.parametrize("system", systems(), **NAME)
def test_every_system_has_published_scores(system) -> None:
    assert all(0 < result.accuracy < 100 for result in scores(system).values())
    assert len(scores(system)) == (3 if system.kind == "llm" else 2)


@pytest.mark.parametrize("system", STARTING, **NAME)
def test_a_launch_is_one_that_its_service_takes(system, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = resolve(system.name)
    config = settings(launch.service, None, launch.changes)
    assert config.engine == system.engine
    for key, value in launch.settings.items():
        assert str(getattr(config, key)).lower() == value.removeprefix("./").lower()


@pytest.mark.parametrize("system", STARTING, **NAME)
def test_the_commands_are_commands_of_ours(system) -> None:
    for command in commands(system):
        program, *arguments = shlex.split(command.removesuffix(" &"))
        if program == "earwitness":
            assert parser().parse_args(arguments)
        else:
            assert program == "hf"


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_and_names_everything(width: int, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    printed = output(capsys)
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= width
    for system in systems():
        assert any(line.split()[:1] == [system.name] for line in printed.splitlines()), system.name
    for model in embedded.EMBEDDED:
        assert model in printed


def test_the_list_is_narrowed_by_kind_and_family(capsys) -> None:
    assert {system.kind for system in chosen("captioner")} == {"captioner"}
    assert [system.name for system in chosen("llm", "olmo")] == ["OLMo-3-7B", "OLMo-3-7B-DPO", "OLMo-3-7B-SFT"]
    printed = output(capsys, "--kind", "llm", "--family", "Qwen2.5")
    assert "1 of 12 Open LLMs" in printed
    assert "Qwen2.5-7B-Audio" not in printed
    with pytest.raises(InvalidInput, match="there are Phi, Qwen3"):
        chosen("", "Bert")


def test_a_source_that_the_paper_does_not_state_is_marked(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    printed = output(capsys)
    assert "Qwen/Qwen3-8B*" in printed
    assert "* The paper does not state it" in printed


def test_a_system_is_shown_with_its_reasons_and_its_command(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = output(capsys, "show", "qwen3-8b")
    assert "8.19 billion parameters × 2 bytes = 16.4 GB" in printed
    assert "not stated by the paper" in printed
    assert "AKB" in printed
    assert "78.95" in printed
    assert "  earwitness serve llm --set engine=vllm --set model=Qwen/Qwen3-8B\n" in printed


def test_a_row_of_results_is_shown_without_a_command(capsys) -> None:
    printed = output(capsys, "show", "Official-Baselines")
    assert "not a system that starts" in " ".join(printed.split())
    assert "earwitness serve" not in printed


def test_json_has_everything(capsys) -> None:
    records = json.loads(output(capsys, "--json"))
    assert [record["name"] for record in records] == [system.name for system in systems()]
    one = json.loads(output(capsys, "show", "Qwen3-8B", "--json"))
    assert one in records
    assert one["published"]["AKB"]["accuracy"] == 78.95
    assert one["stated_by_the_paper"] is False
    assert one["memory"]["total_bytes"] == one["memory"]["weights"] + one["memory"]["cache"]


def test_an_unknown_name_is_one_line_and_status_one(capsys) -> None:
    assert main(["models", "show", "Qwen9"]) == 1
    assert capsys.readouterr().err.startswith("earwitness: system: the catalogue has no 'Qwen9'")


@pytest.mark.models
def test_preparing_lists_the_embedded_models_alone(capsys) -> None:
    printed = output(capsys, "--prepare", "whisper-tiny-en")
    assert "not prepared" not in printed.split("whisper-tiny-en")[1]
    assert "Open LLMs" not in printed


def test_the_page_is_what_the_command_makes(capsys) -> None:
    assert PAGE.read_text() == output(capsys, "--markdown"), "earwitness models --markdown > docs/catalogue.md"
