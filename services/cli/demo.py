"""`earwitness demo`: the whole experiment in one command."""

import argparse
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("demo", help="run the whole experiment on small real models, and show its report")
    command.add_argument("--config", type=Path, metavar="FILE", help="YAML with settings of the experiment")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting")
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Runs what is not done yet and shows the report."""
    from earwitness.config import load
    from services.cli.experiment import Experiment, ExperimentConfig

    config = load(ExperimentConfig, options.config, options.set, env_prefix="EARWITNESS_DEMO")
    Experiment(config).run()
