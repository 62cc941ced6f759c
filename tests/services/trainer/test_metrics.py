import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from earwitness.errors import NotReady
from services.trainer.curve import Point
from services.trainer.metrics import METRICS, PREFIX, Metrics

POINT = Point(
    step=3, loss=1.5, held_out=1.25, tokens=8, seconds=2.0, epoch=1, examples=4, read_tokens=90, audio_s=30.0,
    encoded=2, learning_rate=1e-3, gradient_norm=0.5, mfu=0.25,
)  # fmt: skip


def scrape(port: int) -> dict[str, float]:
    """The trainer's series, by their names without the prefix and what Prometheus adds to counters."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    found = {family.name: family.samples[0].value for family in families if family.name.startswith(PREFIX)}
    return {name.removeprefix(PREFIX): value for name, value in found.items()}


def test_every_declared_metric_is_served_and_no_other():
    metrics = Metrics(6)
    metrics.show(Point(step=0, held_out=2.0))
    metrics.show(POINT)
    metrics.show(Point(step=4, seconds=1.0, tokens=8, skipped="the loss is nan"))
    metrics.saved(4)
    with metrics.served(0, "127.0.0.1") as port:
        series = scrape(port)
    assert series.keys() == METRICS.keys()
    assert (series["steps"], series["skipped_steps"], series["answer_tokens"]) == (2, 1, 16)
    assert (series["loss_nats"], series["held_out_loss_nats"]) == (1.5, 1.25)
    assert (series["progress_ratio"], series["eta_seconds"]) == (pytest.approx(4 / 6), 2.0)
    assert (series["checkpoints"], series["last_checkpoint_step"]) == (1, 4)


def test_rates_are_those_of_the_last_step():
    metrics = Metrics(6)
    metrics.show(POINT)
    with metrics.served(0, "127.0.0.1") as port:
        series = scrape(port)
    assert (series["tokens_per_second"], series["audio_seconds_per_second"]) == (45.0, 15.0)
    assert series["model_flops_utilization_ratio"] == 0.25


def test_a_port_that_is_taken_is_named():
    metrics = Metrics(6)
    with metrics.served(0, "127.0.0.1") as port, pytest.raises(NotReady, match="metrics_port"):
        metrics.served(port, "127.0.0.1").__enter__()
