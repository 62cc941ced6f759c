"""Dashboards and what draws them: see docs/monitoring.md."""
