"""`earwitness models`: the models that come with Earwitness, and those that it has prepared."""

import argparse
import sys
from typing import Any


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("models", help="list the embedded models, or prepare them")
    command.add_argument("--prepare", nargs="*", metavar="NAME", help="fetch and convert these; without a name, all")
    command.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> None:
    """Prints a table, after preparing what was asked for."""
    from rich.console import Console
    from rich.table import Table

    from earwitness import embedded
    from earwitness.home import models_folder

    if options.prepare is not None:
        for name in options.prepare or embedded.EMBEDDED:
            embedded.prepare(name, progress=lambda line: print(line, file=sys.stderr))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("model", "what it is", "licence", "folder"):
        table.add_column(column, overflow="fold")
    for model in embedded.EMBEDDED.values():
        folder = models_folder() / model.folder_name
        table.add_row(model.name, model.title, model.licence, str(folder) if folder.is_dir() else "not prepared")
    Console().print(table)
    print("\nAny other model goes by hub id (org/name@revision) or by folder (./my-model).")
