"""Replicas follow questions: in Ray's own terms, with its delays and bounds left out."""

import json
import subprocess
import sys

RAY = """
import json, sys
from ray.serve._private.autoscaling_state import _resolve_policy_callable
from ray.serve.config import AutoscalingConfig, AutoscalingContext, AutoscalingPolicy
from earwitness.scaling import QUESTIONS

policy = _resolve_policy_callable(AutoscalingPolicy(policy_function="earwitness.scaling:by_questions"))
config = AutoscalingConfig(min_replicas=0, max_replicas=4, target_ongoing_requests=8)
plain = dict.fromkeys(("deployment_id", "deployment_name", "app_name", "running_replicas", "current_time"))
more = dict.fromkeys(("total_queued_requests", "raw_metrics", "last_scale_up_time", "last_scale_down_time"))
for calls, held, running, target in json.load(sys.stdin):
    context = AutoscalingContext(
        **plain, **more, config=config, policy_state={}, total_num_requests=calls, current_num_replicas=running,
        target_num_replicas=target, capacity_adjusted_min_replicas=0, capacity_adjusted_max_replicas=4,
        aggregated_metrics={QUESTIONS: dict(enumerate(held))} if held else None,
    )
    print(policy(context)[0])
"""


def test_ray_wants_as_many_replicas_as_the_questions_need() -> None:
    """Two batches of 16 are two calls to Ray, and work for four replicas that take eight questions each."""
    cases = {
        (2, (32,), 1, 1): 4,
        (4, (16, 16), 2, 2): 4,
        (1, (4,), 1, 1): 0.5,
        (24, (), 1, 1): 3,  # of replicas that have said nothing yet, calls are what is known
        (24, (0,), 1, 1): 3,  # calls that wait for a replica are in no replica
        (0, (), 0, 1): 1,  # the first is about to come
    }
    ran = subprocess.run(
        [sys.executable, "-c", RAY], input=json.dumps(list(cases)), capture_output=True, text=True, check=False
    )
    assert [float(line) for line in ran.stdout.split()] == list(cases.values()), ran.stderr
