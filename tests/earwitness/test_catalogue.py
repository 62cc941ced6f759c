from collections import Counter

import pytest

from earwitness import catalogue
from earwitness.catalogue import GROUPS, System, find, resolve, systems
from earwitness.errors import InvalidInput, NotFound
from earwitness.models import ModelRef
from earwitness.openai.catalogue import endpoint

ALL = systems()
STARTING = [system for system in ALL if system.engine != "none"]
NAME = {"ids": lambda system: system.name}


def test_every_system_of_the_paper_is_there() -> None:
    assert Counter(system.group for system in ALL) == {
        "open": 12,
        "proprietary": 5,
        "published": 5,
        "trained": 8,
        "captioners": 4,
    }
    assert len({system.name.lower() for system in ALL}) == len(ALL)


@pytest.mark.parametrize("system", STARTING, **NAME)
def test_a_source_is_one_that_the_product_can_read(system: System) -> None:
    if system.engine == "openai":
        assert endpoint(system.source).audio or system.kind == "llm"
    elif system.group != "trained":
        assert ModelRef.parse(system.source).kind == "hub"


@pytest.mark.parametrize("system", STARTING, **NAME)
def test_a_source_that_the_paper_does_not_state_says_why_it_is_taken(system: System) -> None:
    assert system.assumed


@pytest.mark.parametrize("system", STARTING, **NAME)
def test_a_system_states_its_terms_and_a_system_of_vllm_what_it_is(system: System) -> None:
    assert system.terms
    assert system.gpus == (0 if system.engine == "openai" else 1)
    if system.engine == "vllm":
        assert system.architecture
        assert system.context_tokens
        assert system.cache


@pytest.mark.parametrize("system", [system for system in ALL if system.engine == "desta"], **NAME)
def test_a_desta_model_is_made_of_an_open_backbone(system: System) -> None:
    assert find(system.backbone).group == "open"
    assert find(system.backbone).family == system.family
    assert find(system.backbone).embeddings
    assert system.encoder == find("Whisper-large-v3").source


def test_a_system_is_found_in_any_case_and_missed_with_the_nearest() -> None:
    assert find("qwen3-8b") == find("Qwen3-8B")
    with pytest.raises(NotFound, match=r"did you mean Qwen3-8B"):
        find("Qwen3-8")


def test_a_launch_names_the_service_and_its_settings() -> None:
    launch = resolve("Qwen3-8B")
    assert launch.service == "llm"
    assert launch.settings == {"engine": "vllm", "model": "Qwen/Qwen3-8B"}
    assert launch.changes == ["engine=vllm", "model=Qwen/Qwen3-8B"]
    assert launch.command == "earwitness serve llm --set engine=vllm --set model=Qwen/Qwen3-8B"


def test_a_command_survives_a_shell() -> None:
    import shlex

    launch = resolve("Phi-4-mm")
    words = shlex.split(launch.command)
    assert [word for word in words if "=" in word] == launch.changes
    assert "placeholder=<|audio_{n}|>" in launch.changes


def test_a_trained_system_says_how_it_is_made() -> None:
    launch = resolve("OLMo-3-7B-Audio")
    assert launch.settings == {"engine": "desta", "checkpoint": "./OLMo-3-7B-Audio/checkpoint"}
    assert launch.before[0] == f"{resolve('OLMo-3-7B').command} &"
    assert "--set llm=allenai/Olmo-3-7B-Instruct --set encoder=openai/whisper-large-v3" in launch.before[-1]
    assert resolve("DeSTA2.5-Audio").before == (
        "hf download DeSTA-ntu/DeSTA2.5-Audio-Llama-3.1-8B --local-dir DeSTA2.5-Audio",
    )


def test_a_row_of_results_does_not_start() -> None:
    with pytest.raises(InvalidInput, match="a row of results, not a system"):
        resolve("Official-Baselines")


def test_every_entry_s_group_is_known_and_every_group_has_entries() -> None:
    assert {system.group for system in ALL} == GROUPS.keys()


def test_a_wrong_entry_is_met_with_its_place(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text("open:\n  Mine: {engine: vllm, sauce: org/mine}\n")
    monkeypatch.setattr(catalogue, "FILE", file)
    with pytest.raises(InvalidInput, match=r"open\.Mine\.sauce"):
        systems.__wrapped__()
    file.write_text("shut: {}\n")
    with pytest.raises(InvalidInput, match="is no section"):
        systems.__wrapped__()
