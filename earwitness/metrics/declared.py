"""Which metrics there are: `earwitness_llm_calls_total` and its like, one for every service that has it.

Names and units follow prometheus.io/docs/practices/naming. Labels are bounded: `rpc` and `code` by the protocol,
`caller` by the callers file and `store.MOST_CALLERS`. `model` stands on every series, the same throughout a process.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
SERVICES = ("captioner", "llm", "lalm")
HEARING = ("captioner", "lalm")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
MODEL = "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric."""

    name: str
    """Without the prefix that names the service; `_total` ends a counter's, a unit any other's that has one."""
    help: str
    kind: Kind
    labels: tuple[str, ...] = ()
    """Beside `model`."""
    buckets: tuple[float, ...] = ()
    """A histogram's upper bounds."""
    services: tuple[str, ...] = SERVICES

    def of(self, service: str) -> str:
        """Returns the name under which a service shows it; Ray puts `ray_` before it."""
        return f"earwitness_{service}_{self.name}"


CALLS = Metric(
    name="calls_total", help="Calls that ended, by their status.", kind="counter", labels=("rpc", "code", "caller")
)
CALL_SECONDS = Metric(
    name="call_duration_seconds",
    help="Time of a call, however it ended.",
    kind="histogram",
    labels=("rpc", "priority"),
    buckets=SECONDS,
)
IN_FLIGHT = Metric(
    name="requests_in_flight", help="Requests that hold a place, batches by item.", kind="gauge", labels=("priority",)
)
PLACES = Metric(name="places", help="Requests that may be in flight at once.", kind="gauge")
TOKENS = Metric(
    name="tokens_total",
    help="Tokens of prompts and answers, as the answers state them. Scored options are in engine_tokens alone.",
    kind="counter",
    labels=("kind", "caller"),
    services=("llm", "lalm"),
)
CLIPS = Metric(name="clips_total", help="Clips heard.", kind="counter", labels=("caller",), services=HEARING)
AUDIO_SECONDS = Metric(
    name="audio_seconds_total", help="Sound heard, in seconds.", kind="counter", labels=("caller",), services=HEARING
)
CACHE_HITS = Metric(
    name="cache_hits_total",
    help="Found in a cache: decoded clips, prompt tokens in vLLM (prefix), media that vLLM prepared before (media).",
    kind="counter",
    labels=("cache",),
)
CACHE_LOOKUPS = Metric(
    name="cache_lookups_total", help="Looked for in a cache, in its own unit.", kind="counter", labels=("cache",)
)
ENGINE_RUNNING = Metric(
    name="engine_running_requests", help="Requests in the running batch.", kind="gauge", labels=("engine",)
)
ENGINE_WAITING = Metric(
    name="engine_waiting_requests", help="Requests that wait for the batch.", kind="gauge", labels=("engine",)
)
BATCH_SIZE = Metric(
    name="engine_batch_size",
    help="Requests in one step of vLLM, or in one batch of a recogniser.",
    kind="histogram",
    labels=("engine",),
    buckets=SIZES,
)
ENGINE_TOKENS = Metric(
    name="engine_tokens_total", help="Tokens that vLLM read and wrote.", kind="counter", labels=("kind",)
)
KV_USE = Metric(name="engine_kv_cache_use_ratio", help="Share of vLLM's KV cache in use, 0 to 1.", kind="gauge")
PREEMPTIONS = Metric(
    name="engine_preemptions_total", help="Requests that lost their KV cache to another.", kind="counter"
)
FIRST_TOKEN_SECONDS = Metric(
    name="engine_time_to_first_token_seconds",
    help="From a request's arrival at vLLM to its first token.",
    kind="histogram",
    buckets=SECONDS,
)
TOKEN_SECONDS = Metric(
    name="engine_time_per_token_seconds",
    help="Mean time of a request's tokens after the first.",
    kind="histogram",
    buckets=SECONDS,
)

DECLARED: tuple[Metric, ...] = (
    CALLS,
    CALL_SECONDS,
    IN_FLIGHT,
    PLACES,
    TOKENS,
    CLIPS,
    AUDIO_SECONDS,
    CACHE_HITS,
    CACHE_LOOKUPS,
    ENGINE_RUNNING,
    ENGINE_WAITING,
    BATCH_SIZE,
    ENGINE_TOKENS,
    KV_USE,
    PREEMPTIONS,
    FIRST_TOKEN_SECONDS,
    TOKEN_SECONDS,
)


def names() -> dict[str, Metric]:
    """Returns every metric of every service by its full name."""
    return {metric.of(service): metric for metric in DECLARED for service in metric.services}
