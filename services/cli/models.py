"""`earwitness models`: every system of the paper and how it starts, and the models that come with Earwitness."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def register(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser("models", help="list the paper's systems and the embedded models, or prepare these")
    command.add_argument("--kind", choices=("llm", "lalm", "captioner"), default="", help="of systems to list")
    command.add_argument("--family", default="", help="of systems to list, such as Qwen3")
    command.add_argument("--json", action="store_true", help="print all that is known, as JSON")
    command.add_argument("--markdown", action="store_true", help="print the page docs/catalogue.md")
    command.add_argument("--prepare", nargs="*", metavar="NAME", help="fetch and convert these; without a name, all")
    command.set_defaults(execute=execute)
    steps = command.add_subparsers(title="more", metavar="")
    show = steps.add_parser("show", help="everything about one system, with the command that serves it")
    show.add_argument("name", help="such as Qwen3-8B")
    show.add_argument("--json", action="store_true", help="print it as JSON")
    show.set_defaults(execute=execute_show)


def execute(options: argparse.Namespace) -> None:
    """Prints the catalogue and the embedded models; after preparing some, these alone."""
    from rich.console import Console

    from services.cli import systems, systems_page

    if options.prepare is not None:
        _prepare(options.prepare)
        _list_embedded(Console())
        return
    chosen = systems.chosen(options.kind, options.family)
    if options.json:
        _print_json([systems.record(system) for system in chosen])
    elif options.markdown:
        print(systems_page.markdown(chosen), end="")
    else:
        console = Console()
        systems_page.list_terminal(chosen, console)
        if not options.kind and not options.family:
            console.print()
            _list_embedded(console)


def execute_show(options: argparse.Namespace) -> None:
    """Prints everything about one system."""
    from rich.console import Console

    from earwitness import catalogue
    from services.cli import systems, systems_page

    system = catalogue.find(options.name)
    if options.json:
        _print_json(systems.record(system))
    else:
        systems_page.show_terminal(system, Console())


def _prepare(names: list[str]) -> None:
    from earwitness import embedded

    for name in names or embedded.EMBEDDED:
        embedded.prepare(name, progress=lambda line: print(line, file=sys.stderr))


def _list_embedded(console: "Console") -> None:
    from rich.table import Table

    from earwitness import embedded
    from earwitness.home import models_folder

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("model", "what it is", "licence", "folder"):
        table.add_column(column, overflow="fold")
    for model in embedded.EMBEDDED.values():
        folder = models_folder() / model.folder_name
        table.add_row(model.name, model.title, model.licence, str(folder) if folder.is_dir() else "not prepared")
    console.print("[bold cyan]Embedded models[/]", table, sep="\n")
    console.print("\nAny other model goes by hub id (org/name@revision) or by folder (./my-model).", highlight=False)


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))
