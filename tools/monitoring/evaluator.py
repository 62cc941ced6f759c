"""The evaluator's dashboard: what becomes of items, how runs get on, what they ask and pay for."""

from tools.monitoring.panels import Dashboard, Panel, Query, Row, Variable, quantiles, rate, series, total

PREFIX = "earwitness_evaluator_"
CHOSEN = ('setting=~"$setting"', 'benchmark=~"$benchmark"')
BENCHMARK = CHOSEN[1]
BOTH = ("setting", "benchmark")


def _rate(name: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    return total(rate(series(f"{PREFIX}{name}_total", *matchers)), *by)


def _share(outcomes: str) -> str:
    """Returns the share of items with some outcomes, by setting and benchmark."""
    some = _rate("items", *CHOSEN, f'outcome=~"{outcomes}"', by=BOTH)
    return f"{some} / {_rate('items', *CHOSEN, by=BOTH)}"


ITEMS = Row(
    title="Items",
    panels=(
        Panel(
            title="Items by outcome",
            unit="ops",
            is_stacked=True,
            queries=(Query(expr=_rate("items", *CHOSEN, by=("outcome",)), legend="{{outcome}}"),),
        ),
        Panel(
            title="Items by benchmark",
            unit="ops",
            is_stacked=True,
            queries=(Query(expr=_rate("items", *CHOSEN, by=BOTH), legend="{{benchmark}}, {{setting}}"),),
        ),
        Panel(
            title="Items without an answer that counts",
            unit="percentunit",
            queries=(
                Query(expr=_share("failed"), legend="failed, {{benchmark}}, {{setting}}"),
                Query(expr=_share("unparsed|truncated"), legend="unread, {{benchmark}}, {{setting}}"),
            ),
        ),
        Panel(
            title="Answers that were there already",
            about="Whose answer was in the ledger, of the items that are settled: a run finds them all at its start.",
            unit="percentunit",
            queries=(
                Query(
                    expr=f"clamp_max({_rate('answers_reused', *CHOSEN, by=BOTH)}"
                    f" / {_rate('items', *CHOSEN, by=BOTH)}, 1)",
                    legend="{{benchmark}}, {{setting}}",
                ),
            ),
        ),
    ),
)
RUNS = Row(
    title="Runs",
    panels=(
        Panel(
            title="Runs by state",
            about="In the ledger, which several evaluators may share.",
            queries=(Query(expr=f"max by (state) ({series(PREFIX + 'runs')})", legend="{{state}}"),),
        ),
        Panel(
            title="Progress",
            unit="percentunit",
            queries=(Query(expr=f"max by (run) ({series(PREFIX + 'run_progress_ratio')})", legend="{{run}}"),),
        ),
        Panel(
            title="Time to the end",
            unit="s",
            is_logarithmic=True,
            queries=(Query(expr=f"max by (run) ({series(PREFIX + 'run_eta_seconds')})", legend="{{run}}"),),
        ),
    ),
)
CALLS = Row(
    title="Calls to the services",
    panels=(
        Panel(
            title="Calls in flight",
            queries=tuple(
                Query(expr=total(series(f"{PREFIX}calls_{name}"), "kind"), legend=f"{{{{kind}}}}, {words}")
                for name, words in (("in_flight", "in flight"), ("waiting", "waiting"), ("limit", "limit"))
            ),
        ),
        Panel(
            title="Calls that succeeded",
            unit="reqps",
            queries=(
                Query(
                    expr=total(rate(series(f"{PREFIX}call_duration_seconds_count")), "kind"),
                    legend="{{kind}}",
                ),
            ),
        ),
        Panel(
            title="Latency",
            about="Of calls that succeeded.",
            unit="s",
            is_logarithmic=True,
            queries=quantiles(f"{PREFIX}call_duration_seconds", by=("kind",), legend="{{kind}}"),
        ),
        Panel(
            title="Retries",
            unit="reqps",
            queries=(Query(expr=_rate("retries", *CHOSEN, by=BOTH), legend="{{benchmark}}, {{setting}}"),),
        ),
    ),
)
WORK = Row(
    title="What models read, wrote and heard",
    panels=(
        Panel(
            title="Tokens",
            unit="ops",
            queries=(
                Query(expr=_rate("tokens", *CHOSEN, by=("setting", "direction")), legend="{{setting}}, {{direction}}"),
            ),
        ),
        Panel(
            title="Captions",
            needs="a run in the setting `cascade`",
            unit="ops",
            queries=(
                Query(expr=_rate("captions", BENCHMARK, by=("benchmark",)), legend="{{benchmark}}, paid for"),
                Query(expr=_rate("captions_reused", BENCHMARK, by=("benchmark",)), legend="{{benchmark}}, kept before"),
            ),
        ),
        Panel(
            title="Sound sent",
            about="Seconds of sound a second.",
            unit="none",
            queries=(Query(expr=_rate("audio_seconds", *CHOSEN, by=BOTH), legend="{{benchmark}}, {{setting}}"),),
        ),
    ),
)
DASHBOARD = Dashboard(
    name="evaluator",
    title="Earwitness: evaluator",
    about="Runs of benchmarks: outcomes, progress, calls, what models read, wrote and heard.",
    rows=(ITEMS, RUNS, CALLS, WORK),
    variables=(
        Variable(name="setting", label="setting", of=series(f"{PREFIX}items_total")),
        Variable(name="benchmark", label="benchmark", of=series(f"{PREFIX}items_total")),
    ),
)
