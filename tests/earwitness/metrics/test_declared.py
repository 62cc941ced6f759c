import re
from pathlib import Path

import pytest

from earwitness.metrics import DECLARED, names
from earwitness.metrics.declared import SERVICES

BOUNDED = {"rpc", "code", "caller", "priority", "kind", "cache", "engine"}
"""None of them is a text, an id or an address that a caller makes up."""


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_wants_it(metric):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"milli|_ms\b|minutes|percent|kilo|_time$|_duration$", metric.name)
    assert metric.help.endswith(".")
    assert set(metric.labels) <= BOUNDED
    assert set(metric.services) <= set(SERVICES)


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_only_a_histogram_has_buckets_and_they_rise(metric):
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_service_has_each_of_its_metrics_under_a_name_of_its_own():
    found = names()
    assert len(found) == sum(len(metric.services) for metric in DECLARED)
    assert found["earwitness_llm_calls_total"].labels == ("rpc", "code", "caller")
    assert found["earwitness_captioner_audio_seconds_total"].kind == "counter"
    assert "earwitness_llm_audio_seconds_total" not in found


def test_the_page_for_operators_names_each():
    page = (Path(__file__).parents[3] / "docs" / "observability.md").read_text()
    assert not [metric.name for metric in DECLARED if f"`{metric.name}`" not in page]
