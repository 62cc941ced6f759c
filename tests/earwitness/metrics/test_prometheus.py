"""The page of a plain server, after real calls to it."""

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from earwitness.clients import CaptionerClient, LlmClient
from earwitness.conversation import Turn
from earwitness.errors import InvalidInput, NotReady
from earwitness.metrics import Metrics, names, prometheus
from earwitness.sampling import Sampling
from services.captioner.config import CaptionerConfig
from services.captioner.servicer import CaptionerServicer
from services.llm.config import LlmConfig
from services.llm.servicer import LlmServicer
from tests.serving import LengthCaptioner, serving
from tests.sounds import encode, tone

TURNS = [Turn(role="user", content="one two three four")]


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Returns each sample by its name and the values of its labels, the model's left out."""
    port, stop = prometheus.serve(metrics, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            families = list(text_string_to_metric_families(page.read().decode()))
    finally:
        stop()
    ours = {family.name + ("_total" if family.type == "counter" else ""): family for family in families}
    expected = {name: metric for name, metric in names().items() if f"_{metrics.service}_" in name}
    assert {name for name in ours if name.startswith("earwitness_")} == expected.keys()
    assert {ours[name].type for name in expected} == {"counter", "gauge", "histogram"}
    assert any(name.startswith("process_") for name in ours)
    samples = {}
    for name, metric in expected.items():
        assert ours[name].documentation == metric.help
        for sample in ours[name].samples:
            labels = dict(sample.labels)
            assert labels.pop("model") == metrics.model
            assert {*labels} - {"le"} == {*metric.labels}
            samples[sample.name, *[labels[name] for name in (*metric.labels, "le") if name in labels]] = sample.value
    return samples


async def test_the_page_holds_every_declared_metric_and_what_calls_did_to_it():
    servicer = LlmServicer(LlmConfig(engine="echo", max_in_flight=8))
    async with serving(servicer, LlmClient) as client:
        for _ in range(3):
            await client.generate(TURNS, Sampling(max_tokens=2))
        with pytest.raises(InvalidInput):
            await client.generate(TURNS, Sampling(max_tokens=1_000_000))
        await client.score(TURNS, ["a", "b"])
    found = scraped(servicer.metrics)
    prefix = "earwitness_llm_"
    assert found[f"{prefix}calls_total", "Generate", "OK", "anonymous"] == 3
    assert found[f"{prefix}calls_total", "Generate", "INVALID_ARGUMENT", "anonymous"] == 1
    assert found[f"{prefix}tokens_total", "prompt", "anonymous"] == 12
    assert found[f"{prefix}tokens_total", "answer", "anonymous"] == 6
    assert found[f"{prefix}call_duration_seconds_count", "Generate", "interactive"] == 4
    assert found[f"{prefix}call_duration_seconds_bucket", "Generate", "interactive", "+Inf"] == 4
    assert 0 < found[f"{prefix}call_duration_seconds_sum", "Generate", "interactive"] < 60
    assert found[f"{prefix}requests_in_flight", "interactive"] == 0
    assert found[f"{prefix}places",] == 8


async def test_a_captioner_counts_what_it_hears_and_what_it_had_heard_before():
    servicer = CaptionerServicer(CaptionerConfig(), LengthCaptioner())
    clip = encode(tone(440, seconds=2))
    async with serving(servicer, CaptionerClient) as client:
        for _ in range(3):
            await client.caption(clip)
    found = scraped(servicer.metrics)
    assert found["earwitness_captioner_audio_seconds_total", "anonymous"] == pytest.approx(6)
    assert found["earwitness_captioner_clips_total", "anonymous"] == 3
    assert found["earwitness_captioner_cache_lookups_total", "clips"] == 3
    assert found["earwitness_captioner_cache_hits_total", "clips"] == 2
    assert found["earwitness_captioner_engine_batch_size_count", "batcher"] == 3


def test_a_port_that_is_taken_is_said_in_one_line():
    port, stop = prometheus.serve(Metrics("llm"), "127.0.0.1", 0)
    with pytest.raises(NotReady, match=f"127.0.0.1:{port}: the port is taken"):
        prometheus.serve(Metrics("llm"), "127.0.0.1", port)
    stop()
    again, stop_again = prometheus.serve(Metrics("llm"), "127.0.0.1", port)
    stop_again()
    assert again == port
