"""For every alert: series under which it fires, and some, close to them, under which it does not.

Values are in promtool's notation: `0+6x60` begins at 0 and grows by 6 a minute, `5x60` stays at 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Series = Mapping[str, str]
ON_RAY = 'namespace="sound", ray_io_cluster="llm-1", application="llm", deployment="LlmServicer"'
CLUSTER = {"namespace": "sound", "ray_io_cluster": "llm-1", "application": "llm"}
MODEL = {"namespace": "sound", "model": "m"}
RUN = {"namespace": "sound", "instance": "t:9400"}
PLACE = 'namespace="sound", model="m"'
PODS = 'job="sound/heads", instance="10.0.0.1:8080", namespace="sound", endpoint="metrics"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    at: str
    fires: Series
    labels: Mapping[str, str]
    """Of the alert that fires, its name and severity apart."""
    quiet: tuple[Series, ...]
    value: str = ""
    """As the description says it."""
    every: str = "1m"
    """How often the rules are judged: a case of hours would take promtool long."""


def calls(code: str, values: str, service: str = "llm", rpc: str = "Generate") -> Series:
    return {f'earwitness_{service}_calls_total{{{PLACE}, rpc="{rpc}", code="{code}", caller="a"}}': values}


def durations(slow: str, priority: str = "interactive") -> Series:
    """Of 100 calls a minute, so many more than 30 s and less than 60 s long."""
    name = f'earwitness_lalm_call_duration_seconds_bucket{{{PLACE}, rpc="Listen", priority="{priority}", le="%s"}}'
    return {name % "30.0": f"0+{100 - int(slow)}x60", name % "60.0": "0+100x60", name % "+Inf": "0+100x60"}


def gauge(name: str, values: str, labels: str = "") -> Series:
    return {f"earwitness_llm_{name}{{{PLACE}{', ' if labels else ''}{labels}}}": values}


def serve(name: str, values: str, labels: str = "") -> Series:
    return {f"ray_serve_{name}{{{ON_RAY}{', ' if labels else ''}{labels}}}": values}


def evaluator(name: str, values: str, labels: str = "") -> Series:
    return {f'earwitness_evaluator_{name}{{namespace="sound"{", " if labels else ""}{labels}}}': values}


def items(outcome: str, values: str) -> Series:
    return evaluator("items_total", values, f'setting="text", benchmark="akb", outcome="{outcome}"')


def trainer(name: str, values: str) -> Series:
    return {f'earwitness_trainer_{name}{{namespace="sound", instance="t:9400"}}': values}


ENGINE = 'instance="10.0.0.2:8080", engine="vllm"'
AKB = {"namespace": "sound", "benchmark": "akb", "setting": "text"}
CASES: dict[str, Case] = {
    "EarwitnessCallsFail": Case(
        at="70m",
        every="5m",
        fires=calls("OK", "0+80x90") | calls("UNAVAILABLE", "0+15x90") | calls("INTERNAL", "0+5x90"),
        labels=MODEL,
        value="20%",
        quiet=(
            # The caller's own fault; ten bad minutes; an hour that is over; probes in place of calls.
            calls("OK", "0+80x90") | calls("INTERNAL", "0+5x90") | calls("INVALID_ARGUMENT", "0+40x90"),
            calls("OK", "0+80x90") | calls("INTERNAL", "0x60 0+40x20"),
            calls("OK", "0+80x90") | calls("INTERNAL", "0+40x60 2400x30"),
            calls("OK", "0+80x90") | calls("INTERNAL", "0+40x90", rpc="Check"),
        ),
    ),
    "EarwitnessCallsFailSlowly": Case(
        at="7h",
        every="10m",
        fires=calls("OK", "0+90x500", "captioner") | calls("DEADLINE_EXCEEDED", "0+10x500", "captioner"),
        labels=MODEL,
        value="10%",
        # A bad half hour after five good hours.
        quiet=(calls("OK", "0+100x500") | calls("INTERNAL", "0x380 0+20x100"),),
    ),
    "EarwitnessSlow": Case(
        at="20m", fires=durations("10"), labels=MODEL, value="45s", quiet=(durations("4") | durations("100", "sweep"),)
    ),
    "EarwitnessRefuses": Case(
        at="20m",
        fires=calls("OK", "0+60x60") | calls("RESOURCE_EXHAUSTED", "0+40x60"),
        labels=MODEL,
        value="40%",
        quiet=(calls("OK", "0+80x60") | calls("RESOURCE_EXHAUSTED", "0+20x60"),),
    ),
    "EarwitnessQueueFull": Case(
        at="20m",
        fires=gauge("places", "256x60")
        | gauge("requests_in_flight", "200x60", 'priority="sweep"')
        | gauge("requests_in_flight", "56x60", 'priority="interactive"'),
        labels=MODEL,
        value="100%",
        quiet=(gauge("places", "256x60") | gauge("requests_in_flight", "200x60", 'priority="sweep"'),),
    ),
    "EarwitnessStrangers": Case(
        at="20m",
        fires=calls("OK", "0+60x60") | calls("UNAUTHENTICATED", "0+30x60"),
        labels=MODEL,
        value="500m",
        quiet=(calls("OK", "0+60x60") | calls("UNAUTHENTICATED", "0+3x60"),),
    ),
    "EarwitnessEngineStands": Case(
        at="10m",
        fires=gauge("engine_waiting_requests", "7x60", ENGINE) | gauge("engine_running_requests", "0x60", ENGINE),
        labels=MODEL | {"instance": "10.0.0.2:8080", "engine": "vllm"},
        value="7",
        quiet=(gauge("engine_waiting_requests", "7x60", ENGINE) | gauge("engine_running_requests", "1x60", ENGINE),),
    ),
    "EarwitnessKvCacheFull": Case(
        at="20m",
        fires=gauge("engine_kv_cache_use_ratio", "0.98x60"),
        labels=MODEL,
        value="98%",
        quiet=(gauge("engine_kv_cache_use_ratio", "0.98x10 0.5x10 0.98x10"),),
    ),
    "EarwitnessPreempts": Case(
        at="30m",
        fires=gauge("engine_preemptions_total", "0+60x60"),
        labels=MODEL,
        value="1",
        quiet=(gauge("engine_preemptions_total", "0+1x60"),),
    ),
    "EarwitnessNoReplica": Case(
        at="20m",
        fires=serve("deployment_status", "3x60")
        | serve("deployment_replica_healthy", "0x60", 'replica="a"')
        | serve("autoscaling_desired_replicas", "1x60"),
        labels=CLUSTER,
        quiet=(
            # A model that sleeps; one that is well; one that is well, whose number is fixed.
            serve("deployment_status", "6x60") | serve("autoscaling_desired_replicas", "0x60"),
            serve("deployment_status", "6x60")
            | serve("deployment_replica_healthy", "1x60", 'replica="a"')
            | serve("autoscaling_desired_replicas", "1x60"),
            serve("deployment_status", "6x60") | serve("deployment_replica_healthy", "1x60", 'replica="a"'),
        ),
    ),
    "EarwitnessScalingStands": Case(
        at="20m",
        fires=serve("autoscaling_desired_replicas", "4x60")
        | serve("deployment_replica_healthy", "1x60", 'replica="a"')
        | serve("deployment_replica_healthy", "1x60", 'replica="b"'),
        labels=CLUSTER,
        value="2",
        # They come within ten minutes.
        quiet=(
            serve("autoscaling_desired_replicas", "2x60")
            | serve("deployment_replica_healthy", "1x60", 'replica="a"')
            | serve("deployment_replica_healthy", "0x10 1x50", 'replica="b"'),
        ),
    ),
    "EarwitnessUnhealthy": Case(
        at="10m",
        fires=serve("deployment_status", "2x60"),
        labels=CLUSTER,
        value="2",
        quiet=(serve("deployment_status", "2x3 3x3 6x60"),),
    ),
    "EarwitnessHealthChecksFail": Case(
        at="20m",
        fires=serve("health_check_failures_total", "0+1x60", 'replica="a"'),
        labels=CLUSTER,
        value="10",
        quiet=(serve("health_check_failures_total", "0x15 1x60", 'replica="a"'),),
    ),
    "EarwitnessIngressAstray": Case(
        at="10m",
        fires={f'ray_serve_haproxy_target_mismatch{{{ON_RAY}, node_id="n"}}': "1x60"},
        labels={"namespace": "sound", "ray_io_cluster": "llm-1"},
        quiet=({f'ray_serve_haproxy_target_mismatch{{{ON_RAY}, node_id="n"}}': "1x2 0x60"},),
    ),
    "EarwitnessUnseen": Case(
        at="15m",
        fires={f'up{{{PODS}, component="llm"}}': "0x60"},
        labels={
            "job": "sound/heads",
            "instance": "10.0.0.1:8080",
            "namespace": "sound",
            "endpoint": "metrics",
            "component": "llm",
        },
        # Another's pod, and one of ours that answers.
        quiet=({f'up{{{PODS}, component="other"}}': "0x60", f'up{{{PODS}, container="evaluator"}}': "1x60"},),
    ),
    "EarwitnessCertificateExpires": Case(
        at="2h",
        every="10m",
        fires={'certmanager_certificate_expiration_timestamp_seconds{name="earwitness"}': "266400x200"},
        labels={"name": "earwitness"},
        value="3d 0h 0m 0s",
        quiet=(
            {
                'certmanager_certificate_expiration_timestamp_seconds{name="earwitness"}': "2592000x200",
                'certmanager_certificate_expiration_timestamp_seconds{name="another"}': "266400x200",
            },
        ),
    ),
    "EarwitnessEvaluatorStalls": Case(
        at="25m",
        fires=evaluator("runs", "2x60", 'state="running"') | items("correct", "500x60"),
        labels={"namespace": "sound"},
        value="2",
        quiet=(
            # Two evaluators over one ledger, one of which has the run; and one with nothing to do.
            evaluator("runs", "1x60", 'state="running", instance="a"')
            | evaluator("runs", "1x60", 'state="running", instance="b"')
            | items("correct", "0+1x60"),
            evaluator("runs", "0x60", 'state="running"') | evaluator("runs", "3x60", 'state="done"'),
        ),
    ),
    "EarwitnessServiceOut": Case(
        at="15m",
        fires=evaluator("retries_total", "0+60x60", 'setting="text", benchmark="akb"')
        | evaluator("call_duration_seconds_count", "900x60", 'kind="llm"'),
        labels={"namespace": "sound"},
        value="1",
        quiet=(
            evaluator("retries_total", "0+60x60", 'setting="text", benchmark="akb"')
            | evaluator("call_duration_seconds_count", "0+600x60", 'kind="llm"'),
        ),
    ),
    "EarwitnessItemsFail": Case(
        at="25m",
        fires=items("correct", "0+50x60") | items("wrong", "0+40x60") | items("failed", "0+10x60"),
        labels=AKB,
        value="10%",
        quiet=(items("correct", "0+50x60") | items("wrong", "0+48x60") | items("failed", "0+2x60"),),
    ),
    "EarwitnessAnswersUnread": Case(
        at="35m",
        fires=items("correct", "0+50x60") | items("unparsed", "0+30x60") | items("truncated", "0+20x60"),
        labels=AKB,
        value="50%",
        quiet=(items("correct", "0+50x60") | items("wrong", "0+40x60") | items("unparsed", "0+10x60"),),
    ),
    "EarwitnessRunFailed": Case(
        at="30m",
        fires=evaluator("runs", "1x20 2x60", 'state="failed"'),
        labels={"namespace": "sound"},
        value="1",
        quiet=(
            evaluator("runs", "1x60", 'state="failed"'),
            evaluator("runs", "0x60", 'state="failed"') | evaluator("runs", "0+1x60", 'state="done"'),
        ),
    ),
    "EarwitnessTrainerStalls": Case(
        at="50m",
        fires=trainer("step", "0+1x10 10x90") | trainer("progress_ratio", "0.1x100"),
        labels=RUN,
        # A run that has ended, whose page is still there.
        quiet=(trainer("step", "0+1x10 10x90") | trainer("progress_ratio", "1x100"),),
    ),
    "EarwitnessTrainerBadSteps": Case(
        at="40m",
        fires=trainer("steps_total", "0+10x60") | trainer("skipped_steps_total", "0+1x60"),
        labels=RUN,
        value="10%",
        quiet=(trainer("steps_total", "0+10x60") | trainer("skipped_steps_total", "0x20 1x60"),),
    ),
    "EarwitnessTrainerDiverges": Case(
        at="90m",
        every="5m",
        fires=trainer("held_out_loss_nats", "2x30 3x90"),
        labels=RUN,
        value="3",
        quiet=(trainer("held_out_loss_nats", "2x30 2.2x90"),),
    ),
    "EarwitnessFilesRunOut": Case(
        at="10m",
        fires={
            'process_open_fds{job="e", instance="e:9002"}': "900x60",
            'process_max_fds{job="e", instance="e:9002"}': "1000x60",
            'earwitness_evaluator_runs{job="e", instance="e:9002", state="done"}': "1x60",
        },
        labels={"job": "e", "instance": "e:9002"},
        value="90%",
        # Another's process.
        quiet=(
            {
                'process_open_fds{job="e", instance="e:1"}': "900x60",
                'process_max_fds{job="e", instance="e:1"}': "1000x60",
            },
        ),
    ),
}
