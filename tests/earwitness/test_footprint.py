import re

import pytest

from earwitness.catalogue import System, find, systems
from earwitness.footprint import CONVERSATIONS, GPU_GB, TOKENS, USABLE, footprint

NAME = {"ids": lambda system: system.name}
RUNNING = [system for system in systems() if system.engine not in ("openai", "none")]


def test_what_runs_elsewhere_needs_no_memory_here() -> None:
    assert [system for system in systems() if footprint(system)] == RUNNING


@pytest.mark.parametrize("system", RUNNING, **NAME)
def test_the_gpu_is_the_smallest_that_holds_weights_and_cache(system: System) -> None:
    need = footprint(system)
    assert need
    assert need.total == need.weights + need.cache
    assert need.total <= USABLE * need.gpu_gb * 1e9
    assert all(need.total > USABLE * smaller * 1e9 for smaller in GPU_GB if smaller < need.gpu_gb)


def test_memory_is_the_arithmetic_that_it_shows() -> None:
    need = footprint(find("Qwen3-8B"))
    assert need
    assert need.weights == 8_190_735_360 * 2
    assert need.cache == 2 * 36 * 8 * 128 * 2 * CONVERSATIONS * TOKENS
    weights, cache = need.steps
    assert weights == "weights: 8.19 billion parameters × 2 bytes = 16.4 GB"
    assert "= 147,456 bytes a token" in cache
    assert cache.endswith("9.7 GB")


@pytest.mark.parametrize("system", RUNNING, **NAME)
def test_what_is_shown_adds_up_to_the_total(system: System) -> None:
    need = footprint(system)
    assert need
    shown = [float(re.findall(r"= ([\d.]+) GB", step)[-1]) for step in need.steps]
    assert sum(shown) == pytest.approx(need.total / 1e9, abs=0.05 * len(shown))


def test_a_desta_model_needs_more_than_its_backbone() -> None:
    backbone, whole = footprint(find("Qwen3-8B")), footprint(find("Qwen3-8B-Audio"))
    assert backbone
    assert whole
    assert whole.cache == backbone.cache
    assert whole.weights > backbone.weights + find("Whisper-large-v3").parameters * 4
