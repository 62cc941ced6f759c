"""Markdown tables, as GitHub and most editors read them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.evaluator.report.exports.tabular import Entry, Plain, plain_tables
from services.evaluator.report.grid import grid
from services.evaluator.result import Experiment

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|~"} | {"\n": " ", "\r": " "})


def write(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes the experiment's tables."""
    del folder
    parts = [f"# {escaped(experiment.name)}\n", *(_table(each) for each in plain_tables(grid(experiment)))]
    if experiment.lineage:
        parts.append("".join(f"- {escaped(name)}: {escaped(value)}\n" for name, value in experiment.lineage.items()))
    path.write_text("\n".join(parts), encoding="utf-8", newline="\n")


def escaped(text: str) -> str:
    """Returns a text that Markdown shows as it is, on one line."""
    return text.translate(_SPECIAL)


def _table(table: Plain) -> str:
    lines = [f"## {escaped(table.title)}", "", _line([escaped(head) for head in table.heads])]
    lines.append(_line(["---" if table.is_text or not at else "---:" for at in range(len(table.heads))]))
    lines += _rows(table)
    return "\n".join(lines) + "\n"


def _rows(table: Plain) -> Iterator[str]:
    for block in table.blocks:
        if block.title:
            yield _line([f"*{escaped(block.title)}*", *[""] * (len(table.heads) - 1)])
        for row in block.rows:
            yield _line([_cell(entry) for entry in row])


def _cell(entry: Entry) -> str:
    text = escaped(entry.text)
    return f"**{text}**" if entry.is_best else text


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
