"""What vLLM says of itself, step by step: its queue, its batch, its KV cache and its other caches, as metrics."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from earwitness.metrics import Metrics
from earwitness.metrics.declared import (
    BATCH_SIZE,
    CACHE_HITS,
    CACHE_LOOKUPS,
    ENGINE_RUNNING,
    ENGINE_TOKENS,
    ENGINE_WAITING,
    FIRST_TOKEN_SECONDS,
    KV_USE,
    PREEMPTIONS,
    TOKEN_SECONDS,
)

if TYPE_CHECKING:
    from vllm.v1.metrics.stats import IterationStats, MultiModalCacheStats, SchedulerStats

ENGINE = "vllm"
"""Its name in metrics."""


class Steps:
    """Takes in what vLLM 0.32 reports after each step, on the event loop, in a few microseconds."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._running, self._waiting, self._kv_use = 0, 0, 0.0
        metrics.watch(ENGINE_RUNNING, lambda: self._running, ENGINE)
        metrics.watch(ENGINE_WAITING, lambda: self._waiting, ENGINE)
        metrics.watch(KV_USE, lambda: self._kv_use)

    def scheduled(self, stats: "SchedulerStats") -> None:
        """Takes in the scheduler's state after the step."""
        self._running = stats.num_running_reqs
        self._waiting = stats.num_waiting_reqs + stats.num_skipped_waiting_reqs
        self._kv_use = stats.kv_cache_usage
        self._looked_up(stats.prefix_cache_stats, "prefix")

    def stepped(self, stats: "IterationStats", num_running: int) -> None:
        """Takes in what the step brought. Those that it finished were in its batch, and are no longer running."""
        metrics = self._metrics
        metrics.observe(BATCH_SIZE, num_running + len(stats.finished_requests), ENGINE)
        metrics.count(ENGINE_TOKENS, stats.num_prompt_tokens, "prompt")
        metrics.count(ENGINE_TOKENS, stats.num_generation_tokens, "answer")
        metrics.count(PREEMPTIONS, stats.num_preempted_reqs)
        for seconds in stats.time_to_first_tokens_iter:
            metrics.observe(FIRST_TOKEN_SECONDS, seconds)
        for finished in stats.finished_requests:
            if finished.num_generation_tokens > 1:
                metrics.observe(TOKEN_SECONDS, finished.mean_time_per_output_token)

    def prepared(self, stats: "MultiModalCacheStats") -> None:
        """Takes in what was found of clips that vLLM had prepared before."""
        self._looked_up(stats, "media")

    def _looked_up(self, stats: Any, cache: str) -> None:
        if stats.queries:
            self._metrics.count(CACHE_LOOKUPS, stats.queries, cache)
            self._metrics.count(CACHE_HITS, stats.hits, cache)


def logger(metrics: Metrics) -> Callable[..., Any]:
    """Returns the class that AsyncLLM is to report to.

    It descends from vLLM's own logger for Prometheus, and takes nothing from it: vLLM adds that one beside any that
    does not descend from it, and with it dozens of series at each step, in a registry that nobody reads.
    """
    from vllm.v1.metrics.loggers import PrometheusStatLogger

    steps = Steps(metrics)

    class Logger(PrometheusStatLogger):
        def __init__(self, vllm_config: Any, engine_indexes: list[int] | None = None) -> None:
            """Makes none of the series."""

        def record(
            self,
            scheduler_stats: "SchedulerStats | None",
            iteration_stats: "IterationStats | None",
            mm_cache_stats: "MultiModalCacheStats | None" = None,
            engine_idx: int = 0,
        ) -> None:
            if scheduler_stats is not None:
                steps.scheduled(scheduler_stats)
                if iteration_stats is not None:
                    steps.stepped(iteration_stats, scheduler_stats.num_running_reqs)
            if mm_cache_stats is not None:
                steps.prepared(mm_cache_stats)

        def record_admission_rejection(self, reason: str) -> None:
            """Admission is ours."""

        def record_sleep_state(self, sleep: int = 0, level: int = 0) -> None:
            """It never sleeps."""

        def log_engine_initialized(self) -> None:
            """Says nothing."""

    return Logger
