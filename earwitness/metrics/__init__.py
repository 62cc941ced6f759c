"""The metrics of the model services: declared once, counted in plain numbers, exported where the service runs.

`declared` says which there are, `store` counts them, `prometheus` shows them on a page of a plain server, and `on_ray`
hands them to `ray.serve.metrics` in a replica. Counting costs a call a few microseconds; all else is read when somebody
asks. See docs/observability.md.
"""

from earwitness.metrics.declared import DECLARED, Metric, names
from earwitness.metrics.store import Metrics, current

__all__ = ["DECLARED", "Metric", "Metrics", "current", "names"]
