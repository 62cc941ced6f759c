"""The trainer's metrics for Prometheus: `earwitness_trainer_*`, each of them in `METRICS`.

Names and units follow prometheus.io/docs/practices/naming.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from earwitness import ports
from services.trainer.curve import Point

PREFIX = "earwitness_trainer_"
METRICS: dict[str, tuple[Literal["counter", "gauge"], str]] = {
    "steps": ("counter", "Optimiser steps, skipped ones too."),
    "skipped_steps": ("counter", "Steps that changed no weight, since their loss or gradient was bad."),
    "examples": ("counter", "Examples that were learned from."),
    "answer_tokens": ("counter", "Tokens that were learned to say."),
    "tokens": ("counter", "Tokens of prompts and answers, without padding."),
    "audio_seconds": ("counter", "Sound that was heard, in seconds."),
    "encoded_clips": ("counter", "Clips that the encoder heard; the others were kept."),
    "step": ("gauge", "The step that was done last."),
    "progress_ratio": ("gauge", "Share of the steps that are done."),
    "eta_seconds": ("gauge", "Time until the run ends at its pace."),
    "epoch": ("gauge", "Times that the rows were gone through."),
    "loss_nats": ("gauge", "Loss per answer token of the last step."),
    "held_out_loss_nats": ("gauge", "Loss per answer token on rows that are not trained on."),
    "gradient_norm": ("gauge", "Of the last step, before it was clipped."),
    "learning_rate": ("gauge", "Of the last step."),
    "step_duration_seconds": ("gauge", "Of the last step."),
    "tokens_per_second": ("gauge", "Of the last step."),
    "audio_seconds_per_second": ("gauge", "Sound that was heard in a second of the last step."),
    "model_flops_utilization_ratio": ("gauge", "Model FLOPs of the last step, of the devices' peak."),
    "checkpoints": ("counter", "Checkpoints that were written."),
    "last_checkpoint_step": ("gauge", "The step of the newest checkpoint."),
}


class Metrics(Collector):
    """The counts of one run, in a registry of its own. They begin at zero where a run goes on."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._values: dict[str, float] = {name: 0.0 for name, (kind, _) in METRICS.items() if kind == "counter"}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def show(self, point: Point) -> None:
        """Takes in a step."""
        gauges = {
            "step": point.step,
            "progress_ratio": point.step / self._steps,
            "held_out_loss_nats": point.held_out,
        }
        if point.step:
            self._count(point)
            gauges |= {
                "eta_seconds": (self._steps - point.step) * point.seconds,
                "epoch": point.epoch,
                "loss_nats": point.loss,
                "gradient_norm": point.gradient_norm,
                "learning_rate": point.learning_rate,
                "step_duration_seconds": point.seconds,
                "tokens_per_second": point.read_tokens / point.seconds if point.seconds else None,
                "audio_seconds_per_second": point.audio_s / point.seconds if point.seconds else None,
                "model_flops_utilization_ratio": point.mfu,
            }
        self._values |= {name: float(value) for name, value in gauges.items() if value is not None}

    def saved(self, step: int) -> None:
        """Takes in a checkpoint."""
        self._values["checkpoints"] += 1
        self._values["last_checkpoint_step"] = step

    def describe(self) -> Iterator[Metric]:
        """Names no series, so that registering reads nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yields every metric that has a value."""
        for name, (kind, words) in METRICS.items():
            if name in self._values:
                family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
                yield family(PREFIX + name, words, value=self._values[name])

    @contextmanager
    def served(self, port: int, host: str = "127.0.0.1") -> Generator[int]:
        """Serves `/metrics` until the block is left; yields the port. Raises NotReady for one that is taken."""
        ports.require_free(host, port, "metrics_port")
        server, thread = start_http_server(port, addr=host, registry=self.registry)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _count(self, point: Point) -> None:
        counted = {
            "steps": 1,
            "skipped_steps": bool(point.skipped),
            "examples": point.examples,
            "answer_tokens": point.tokens,
            "tokens": point.read_tokens,
            "audio_seconds": point.audio_s,
            "encoded_clips": point.encoded,
        }
        for name, value in counted.items():
            self._values[name] += value
