"""The evaluator's commands, one module each."""

from typing import Any

from services.evaluator.commands import akb, compare, data, evaluator, report, rescore, run, score, sweep, web


def register(commands: Any) -> None:
    """Adds the commands."""
    for module in (run, sweep, report, rescore, compare, score, data, akb, web, evaluator):
        module.register(commands)
