"""How many replicas Ray Serve is to want: by the questions under way, not by the calls that bring them.

A batch is one call to Ray and may hold 256 questions; by calls, a sweep would look idle. A replica says how many it
holds (`record_autoscaling_stats`), and the chart names the policy below in `autoscaling_config`. Ray applies its delays
and bounds to what the policy returns (docs.ray.io/en/latest/serve/advanced-guides/advanced-autoscaling.html, "Custom
autoscaling policies"). It knows nothing of nodes.
"""

from typing import Any

QUESTIONS = "questions"
"""Under which a replica says how many it holds."""


def by_questions(context: Any) -> tuple[float, dict[str, Any]]:
    """Returns the wanted replicas for a `ray.serve.config.AutoscalingContext`, and no state of our own.

    Calls that wait for a first replica, or come in one by one, are counted as Ray counts them.
    """
    if not context.current_num_replicas:
        return context.target_num_replicas, {}
    held = (context.aggregated_metrics or {}).get(QUESTIONS, {})
    questions = max(sum(held.values()), context.total_num_requests)
    return questions / context.config.get_target_ongoing_requests(), {}
