"""The catalogue for the eye: tables and a page in the terminal, and `docs/catalogue.md`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from earwitness.catalogue import GROUPS, System
from earwitness.footprint import CONVERSATIONS, TOKENS, USABLE, footprint, gigabytes
from services.cli import systems

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COMMAND = "earwitness models --markdown > docs/catalogue.md"
NOTES = (
    "* The paper does not state it: `earwitness models show NAME` says why this one is taken.",
    f"GPU: the smallest whose {USABLE:.0%} holds the weights and the cache of {CONVERSATIONS} conversations of "
    f"{TOKENS:,} tokens.",
    "Scores are the paper's, in percent.",
)


def list_terminal(chosen: Sequence[System], console: "Console") -> None:
    """Prints a table for each group that has systems among the chosen, and what their marks mean."""
    for group in GROUPS:
        if rows := [system for system in chosen if system.group == group]:
            engines = {system.engine for system in rows}
            engine = [f"engine {rows[0].engine}"] if len(engines) == 1 else []
            title = [f"[bold cyan]{systems.title(group, len(rows))}[/]", *engine, systems.HOW[group]]
            console.print(" · ".join(title), _table(group, rows), "", sep="\n", highlight=False)
    for note in NOTES:
        console.print(note, style="dim", highlight=False, markup=False)


def _table(group: str, rows: Sequence[System]) -> "Table":
    from rich.table import Table

    engines = {system.engine for system in rows}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("system", no_wrap=True)
    if len(engines) > 1:
        table.add_column("engine", no_wrap=True)
    table.add_column("source", overflow="fold")
    if any(footprint(system) for system in rows):
        table.add_column("GPU", no_wrap=True, justify="right")
    for header in systems.headers(group):
        table.add_column(header, no_wrap=True, justify="right")
    for system in rows:
        cells = [system.name, *([system.engine] * (len(engines) > 1)), systems.source(system)]
        cells += [systems.gpus(system)] if any(footprint(each) for each in rows) else []
        table.add_row(*cells, *systems.numbers(system))
    return table


def show_terminal(system: System, console: "Console") -> None:
    """Prints everything about one system; its commands are unbroken, to be copied."""
    from rich.markup import escape
    from rich.table import Table

    console.print(f"[bold]{system.name}[/bold]  {GROUPS[system.group][1].removesuffix('s')}", highlight=False)
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    above = ""
    for label, value in _facts(system):
        grid.add_row("" if label == above else label, escape(value))
        above = label
    console.print(grid, highlight=False)
    if lines := systems.commands(system):
        console.print("\n[bold]to serve it[/bold]")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)


def markdown(chosen: Sequence[System]) -> str:
    """Writes the page `docs/catalogue.md`."""
    lines = ["# The catalogue", "", "Every system of the paper (arXiv:2603.19195), and what it takes to start it.", ""]
    lines += [f"This page is made from `earwitness/catalogue.yaml` by `{COMMAND}`.", ""]
    lines += [line for note in NOTES for line in (note.replace("* ", r"\* ", 1), "")]
    for group in GROUPS:
        rows = [system for system in chosen if system.group == group]
        lines += [
            f"## {systems.title(group, len(rows))}",
            "",
            f"Scores: {systems.HOW[group]}.",
            "",
            *_markdown_table(group, rows),
            "",
        ]
        for system in rows:
            lines += [f"### {system.name}", ""]
            lines += [f"- {label}: {' '.join(value.split())}" for label, value in _facts(system)]
            if commands := systems.commands(system):
                lines += ["", "```sh", *commands, "```"]
            lines += [""]
    return "\n".join(lines)


def _markdown_table(group: str, rows: Sequence[System]) -> Iterator[str]:
    columns = systems.headers(group)
    yield _line(["system", "engine", "source", "dtype", "GPU", "licence", *columns])
    yield _line(["---"] * 6 + ["---:"] * len(columns))
    for system in rows:
        dtype = system.dtype if footprint(system) else ""
        own = [system.name, system.engine, systems.source(system).replace("*", r"\*"), dtype, systems.gpus(system)]
        yield _line([*own, system.terms, *systems.numbers(system)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _facts(system: System) -> list[tuple[str, str]]:
    """Returns what there is to say of a system, each with its label."""
    need = footprint(system)
    clip = f"`{system.placeholder}`" if system.placeholder else ""
    gated = ", gated: accept its terms on the hub and give a token by hub_token_file" if system.gated else ""
    context = f"{system.context_tokens:,} tokens" if system.context_tokens else ""
    facts = [
        ("row", system.row),
        ("family", system.family),
        ("engine", "" if system.engine == "none" else system.engine),
        ("source", system.source),
        ("backbone", system.backbone),
        ("encoder", system.encoder),
        ("not stated by the paper", system.assumed),
        ("architecture", system.architecture),
        ("dtype", system.dtype if need else ""),
        ("context", context),
        ("a clip in the prompt", clip),
        ("licence", system.terms + gated),
    ]
    if need:
        total = f"{gigabytes(need.weights)} + {gigabytes(need.cache)} = {gigabytes(need.total)}"
        facts += [("memory", step) for step in need.steps]
        facts += [("memory", f"together {total}, so {systems.gpus(system)}")]
    facts += [("note", quirk) for quirk in system.quirks]
    for name, result in systems.scores(system).items():
        groups = ", ".join(f"{group} {value:.2f}" for group, value in result.groups.items())
        facts.append((name, systems.percent(name, result.accuracy) + (f" ({groups})" if groups else "")))
    return [(label, value) for label, value in facts if value]
