"""The evaluator's commands, one module each."""

from typing import Any

from services.evaluator.commands import compare, data, evaluator, report, run, score, sweep


def register(commands: Any) -> None:
    """Adds the commands."""
    for module in (run, sweep, report, compare, score, data, evaluator):
        module.register(commands)
