"""What a real vLLM says of itself while it serves a tiny model."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from earwitness.clients import LlmClient
from earwitness.conversation import Turn
from earwitness.engines.options import VllmOptions
from earwitness.metrics.declared import (
    BATCH_SIZE,
    CACHE_HITS,
    CACHE_LOOKUPS,
    ENGINE_RUNNING,
    ENGINE_TOKENS,
    ENGINE_WAITING,
    FIRST_TOKEN_SECONDS,
    KV_USE,
    TOKEN_SECONDS,
    TOKENS,
    Metric,
)
from earwitness.sampling import Sampling
from services.llm.config import LlmConfig
from services.llm.servicer import LlmServicer
from tests.catalogue import tiny
from tests.serving import serving

pytestmark = [pytest.mark.catalogue, pytest.mark.asyncio(loop_scope="module")]

AT_ONCE = 4
TURNS = [Turn(role="user", content="Which instrument has six strings? " * 8)]
LONG = [Turn(role="user", content="0123456789" * 30)]
"""A token for each digit: more than vLLM's blocks of 128 on a CPU, of which it caches whole ones alone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[LlmServicer, LlmClient]]:
    folder: Path = tmp_path_factory.mktemp("checkpoint")
    tiny.text_model("Qwen2.5-7B", folder)
    options = VllmOptions(max_model_len=tiny.CONTEXT, max_num_seqs=AT_ONCE)
    servicer = LlmServicer(LlmConfig(model=str(folder), vllm=options))
    async with serving(servicer, LlmClient) as client:
        yield servicer, client
    servicer.engine.stop()


def value(servicer: LlmServicer, metric: Metric, *labels: str) -> float:
    return dict(servicer.metrics.values(metric)).get(labels, 0.0)


def number(servicer: LlmServicer, metric: Metric, *labels: str) -> int:
    """How many values a histogram has."""
    series = dict(servicer.metrics.histograms(metric))
    return sum(series[labels].counts) if labels in series else 0


async def idle(servicer: LlmServicer) -> bool:
    """Waits until vLLM says that it runs nothing and holds nothing."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        at_work = value(servicer, ENGINE_RUNNING, "vllm") + value(servicer, ENGINE_WAITING, "vllm")
        if not at_work and not value(servicer, KV_USE):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_it_counts_the_tokens_that_the_answers_state_and_a_first_token_of_each(
    served: tuple[LlmServicer, LlmClient],
) -> None:
    servicer, client = served
    before = {kind: value(servicer, ENGINE_TOKENS, kind) for kind in ("prompt", "answer")}
    first, later = number(servicer, FIRST_TOKEN_SECONDS), number(servicer, TOKEN_SECONDS)
    answers = await asyncio.gather(*[client.generate(TURNS, Sampling(max_tokens=8, seed=at)) for at in range(6)])
    assert await idle(servicer)
    for kind, told in (
        ("prompt", sum(answer.prompt_tokens for answer in answers)),
        ("answer", sum(answer.completion_tokens for answer in answers)),
    ):
        assert value(servicer, TOKENS, kind, "anonymous") == told
        assert value(servicer, ENGINE_TOKENS, kind) - before[kind] == told
    assert number(servicer, FIRST_TOKEN_SECONDS) - first == 6
    assert number(servicer, TOKEN_SECONDS) - later == sum(answer.completion_tokens > 1 for answer in answers)


async def test_batch_queue_and_cache_are_seen_at_work_and_empty_after_everybody_left(
    served: tuple[LlmServicer, LlmClient],
) -> None:
    servicer, client = served
    asked = [
        asyncio.create_task(client.generate(TURNS, Sampling(max_tokens=200, seed=at, temperature=2.0)))
        for at in range(3 * AT_ONCE)
    ]
    most = dict.fromkeys((ENGINE_RUNNING, ENGINE_WAITING, KV_USE), 0.0)
    until = time.monotonic() + 20
    while not all(most.values()) and time.monotonic() < until:
        await asyncio.sleep(0.002)
        now = {
            ENGINE_RUNNING: value(servicer, ENGINE_RUNNING, "vllm"),
            ENGINE_WAITING: value(servicer, ENGINE_WAITING, "vllm"),
            KV_USE: value(servicer, KV_USE),
        }
        most = {metric: max(most[metric], now[metric]) for metric in most}
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert 0 < most[ENGINE_RUNNING] <= AT_ONCE
    assert 0 < most[ENGINE_WAITING] <= 2 * AT_ONCE
    assert 0 < most[KV_USE] <= 1
    assert await idle(servicer)
    sizes = dict(servicer.metrics.histograms(BATCH_SIZE))["vllm",]
    assert sizes.counts[2] > 0  # of 3 and 4
    assert sum(sizes.counts[3:]) == 0


async def test_a_prompt_that_was_read_before_is_found_in_the_prefix_cache(
    served: tuple[LlmServicer, LlmClient],
) -> None:
    servicer, client = served
    await client.generate(LONG, Sampling(max_tokens=1))
    looked_up, hits = value(servicer, CACHE_LOOKUPS, "prefix"), value(servicer, CACHE_HITS, "prefix")
    answer = await client.generate(LONG, Sampling(max_tokens=1))
    assert await idle(servicer)
    assert value(servicer, CACHE_LOOKUPS, "prefix") - looked_up == answer.prompt_tokens
    assert 0 < value(servicer, CACHE_HITS, "prefix") - hits < answer.prompt_tokens


async def test_vllm_keeps_no_metrics_of_its_own(served: tuple[LlmServicer, LlmClient]) -> None:
    from prometheus_client import REGISTRY

    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("vllm")]
