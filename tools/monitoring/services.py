"""The dashboard of the model services: all of them at a glance, then one."""

from collections.abc import Callable

from earwitness.metrics.declared import SERVICES
from tools.monitoring.panels import (
    AT_WORK,
    FAULTS,
    Dashboard,
    Panel,
    Query,
    Row,
    Variable,
    quantile,
    quantiles,
    rate,
    series,
    total,
)

CHOSEN = "earwitness_${service}_"
MODEL, CALLER = 'model=~"$model"', 'caller=~"$caller"'
INTERACTIVE = 'priority="interactive"'
VLLM = "vLLM"


def _each(expr: Callable[[str], str]) -> tuple[Query, ...]:
    """Returns a query for each service, given its prefix."""
    return tuple(Query(expr=expr(f"earwitness_{service}_"), legend=f"{service} {{{{model}}}}") for service in SERVICES)


def _calls(prefix: str, *matchers: str) -> str:
    return rate(series(f"{prefix}calls_total", *matchers))


def _share(part: str, whole: str) -> str:
    """Returns a share that is 0, not absent, where nothing of the part was seen."""
    return f"({total(part, 'model')} or 0 * {total(whole, 'model')}) / {total(whole, 'model')}"


def _own(name: str, *labels: str, by: tuple[str, ...]) -> str:
    return total(rate(series(f"{CHOSEN}{name}", MODEL, *labels)), *by)


OVERVIEW = Row(
    title="All services",
    panels=(
        Panel(title="Calls", unit="reqps", queries=_each(lambda prefix: total(_calls(prefix), "model"))),
        Panel(
            title="Calls that failed",
            about=f"By no fault of the caller's: {FAULTS.replace('|', ', ')}.",
            unit="percentunit",
            queries=_each(lambda prefix: _share(_calls(prefix, AT_WORK, f'code=~"{FAULTS}"'), _calls(prefix, AT_WORK))),
        ),
        Panel(
            title="Latency of interactive calls, p95",
            unit="s",
            queries=_each(
                lambda prefix: quantile(0.95, f"{prefix}call_duration_seconds", AT_WORK, INTERACTIVE, by=("model",))
            ),
        ),
        Panel(
            title="Places taken",
            about="Of the requests that may be in flight at once; at 100 % the next is refused.",
            unit="percentunit",
            queries=_each(
                lambda prefix: (
                    f"{total(series(prefix + 'requests_in_flight'), 'model')}"
                    f" / {total(series(prefix + 'places'), 'model')}"
                )
            ),
        ),
    ),
)
CALLS = Row(
    title="$service: calls",
    panels=(
        Panel(
            title="Calls by status",
            unit="reqps",
            is_stacked=True,
            queries=(Query(expr=_own("calls_total", CALLER, by=("code",)), legend="{{code}}"),),
        ),
        Panel(
            title="Errors by status",
            about="All but OK. RESOURCE_EXHAUSTED is a call that was refused for want of a place, or by its quota.",
            needs="a call that went wrong",
            unit="reqps",
            is_stacked=True,
            queries=(Query(expr=_own("calls_total", CALLER, 'code!="OK"', by=("code",)), legend="{{code}}"),),
        ),
        Panel(
            title="Calls by caller",
            unit="reqps",
            is_stacked=True,
            queries=(Query(expr=_own("calls_total", CALLER, by=("caller",)), legend="{{caller}}"),),
        ),
        Panel(
            title="Calls by method",
            unit="reqps",
            is_stacked=True,
            queries=(Query(expr=_own("calls_total", CALLER, by=("rpc",)), legend="{{rpc}}"),),
        ),
        Panel(
            title="Latency, interactive",
            needs="an interactive caller",
            unit="s",
            queries=quantiles(f"{CHOSEN}call_duration_seconds", MODEL, AT_WORK, INTERACTIVE),
        ),
        Panel(
            title="Latency, sweeps",
            about="Calls of callers whose priority is `sweep`.",
            needs="a caller whose priority is `sweep`",
            unit="s",
            queries=quantiles(f"{CHOSEN}call_duration_seconds", MODEL, AT_WORK, 'priority="sweep"'),
        ),
        Panel(
            title="Latency by method, p95",
            unit="s",
            queries=(
                Query(expr=quantile(0.95, f"{CHOSEN}call_duration_seconds", MODEL, by=("rpc",)), legend="{{rpc}}"),
            ),
        ),
    ),
)
WORK = Row(
    title="$service: queue and work",
    panels=(
        Panel(
            title="Requests in flight",
            queries=(
                Query(
                    expr=total(series(f"{CHOSEN}requests_in_flight", MODEL), "model", "priority"),
                    legend="{{model}}, {{priority}}",
                ),
                Query(expr=total(series(f"{CHOSEN}places", MODEL), "model"), legend="{{model}}, places"),
            ),
        ),
        Panel(
            title="Tokens",
            about="As answers state them.",
            needs="an LLM or an LALM",
            unit="ops",
            queries=(Query(expr=_own("tokens_total", CALLER, by=("model", "kind")), legend="{{model}}, {{kind}}"),),
        ),
        Panel(
            title="Tokens by caller",
            needs="an LLM or an LALM",
            unit="ops",
            is_stacked=True,
            queries=(Query(expr=_own("tokens_total", CALLER, by=("caller",)), legend="{{caller}}"),),
        ),
        Panel(
            title="Sound heard",
            about="Seconds of sound a second.",
            needs="a captioner or an LALM",
            unit="none",
            queries=(
                Query(expr=_own("audio_seconds_total", CALLER, by=("model", "caller")), legend="{{model}}, {{caller}}"),
            ),
        ),
        Panel(
            title="Clips heard",
            needs="a captioner or an LALM",
            unit="ops",
            queries=(Query(expr=_own("clips_total", CALLER, by=("model", "caller")), legend="{{model}}, {{caller}}"),),
        ),
        Panel(
            title="Found in a cache",
            about="clips: decoded files. prefix: prompt tokens in vLLM. media: clips that vLLM prepared before.",
            needs=f"a service that hears, or {VLLM}",
            unit="percentunit",
            queries=(
                Query(
                    expr=f"{_own('cache_hits_total', by=('cache',))} / {_own('cache_lookups_total', by=('cache',))}",
                    legend="{{cache}}",
                ),
            ),
        ),
    ),
)
ENGINE = Row(
    title="$service: engine",
    panels=(
        Panel(
            title="Requests in the engine",
            needs=f"{VLLM}, or a recogniser in batches",
            queries=tuple(
                Query(
                    expr=total(series(f"{CHOSEN}engine_{state}_requests", MODEL), "model", "engine"),
                    legend=f"{{{{model}}}} {{{{engine}}}}, {state}",
                )
                for state in ("running", "waiting")
            ),
        ),
        Panel(
            title="Batch size",
            about="Requests in a step of vLLM, clips in a batch of a recogniser.",
            needs=f"{VLLM}, or a recogniser in batches",
            queries=quantiles(f"{CHOSEN}engine_batch_size", MODEL, by=("engine",), legend="{{engine}}"),
        ),
        Panel(
            title="Tokens in vLLM",
            about="What it read and wrote, scored options included.",
            needs=VLLM,
            unit="ops",
            queries=(Query(expr=_own("engine_tokens_total", by=("model", "kind")), legend="{{model}}, {{kind}}"),),
        ),
        Panel(
            title="KV cache in use",
            needs=VLLM,
            unit="percentunit",
            queries=(
                Query(
                    expr=f"max by (model) ({series(CHOSEN + 'engine_kv_cache_use_ratio', MODEL)})", legend="{{model}}"
                ),
            ),
        ),
        Panel(
            title="Preemptions",
            about="Requests that lost their KV cache to another.",
            needs=VLLM,
            unit="ops",
            queries=(Query(expr=_own("engine_preemptions_total", by=("model",)), legend="{{model}}"),),
        ),
        Panel(
            title="Time to the first token",
            needs=VLLM,
            unit="s",
            queries=quantiles(f"{CHOSEN}engine_time_to_first_token_seconds", MODEL),
        ),
        Panel(
            title="Time per token after the first",
            needs=VLLM,
            unit="s",
            queries=quantiles(f"{CHOSEN}engine_time_per_token_seconds", MODEL),
        ),
    ),
)
DASHBOARD = Dashboard(
    name="services",
    title="Earwitness: services",
    about="Captioners, LLMs and LALMs: traffic, errors, latency, queues, work and engines.",
    rows=(OVERVIEW, CALLS, WORK, ENGINE),
    variables=(
        Variable(name="service", options=("llm", "captioner", "lalm")),
        Variable(name="model", label="model", of=series(f"{CHOSEN}places")),
        Variable(name="caller", label="caller", of=series(f"{CHOSEN}calls_total")),
    ),
)
