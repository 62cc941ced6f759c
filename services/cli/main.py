"""`earwitness`: its commands, and the edge where an error becomes one line and an exit status.

Nothing heavy is imported before a command runs: `earwitness --help` answers in 0.3 s.
"""

import argparse
import sys
from collections.abc import Sequence

from earwitness import __version__
from earwitness.errors import EarwitnessError
from services.cli import call, demo, jobs, models, serve
from services.evaluator import commands as evaluator
from services.trainer import commands as trainer

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status: 0, 1 for an error, 2 for a wrong command line, 130 for Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        options.execute(options)
    except EarwitnessError as error:
        print(f"earwitness: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("earwitness: interrupted; start the same command again to go on", file=sys.stderr)
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    top = argparse.ArgumentParser(
        prog="earwitness",
        description="What a language model knows about sound, and what that is worth once it is given ears.",
    )
    top.add_argument("--version", action="version", version=f"earwitness {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (demo, serve, call, evaluator):
        module.register(commands)
    jobs.register(trainer.register(commands))
    models.register(commands)
    return top
