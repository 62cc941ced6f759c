r"""LaTeX tables in the booktabs style, to be taken into a paper by `\input`.

They need `\usepackage{booktabs}` and nothing else. Letters beyond ASCII are left as they are, which pdfLaTeX (since
2018), XeLaTeX and LuaLaTeX read as UTF-8 if the font has them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.evaluator.report.exports.tabular import Entry, Plain, plain_tables
from services.evaluator.report.grid import grid
from services.evaluator.result import Experiment

_SPECIAL = str.maketrans(
    {char: f"\\{char}" for char in "{}$&#_%"}
    | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",
        "]": "{]}",
        "–": "--",
        "−": "$-$",
        "\N{NO-BREAK SPACE}": "~",
        "\n": " ",
        "\r": " ",
    }
)
"""Brackets are put in braces, since one after a line's end would be taken for its argument."""


def write(experiment: Experiment, folder: Path, path: Path) -> None:
    """Writes the experiment's tables."""
    del folder
    head = f"% {' '.join(experiment.name.split())}: needs \\usepackage{{booktabs}}\n"
    text = "\n".join([head, *(_table(each) for each in plain_tables(grid(experiment)))])
    path.write_text(text, encoding="utf-8", newline="\n")


def escaped(text: str) -> str:
    """Returns a text that LaTeX sets as it is."""
    return text.translate(_SPECIAL)


def _table(table: Plain) -> str:
    columns = "l" * len(table.heads) if table.is_text else "l" + "r" * (len(table.heads) - 1)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(table.title)}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        _line([escaped(head) for head in table.heads]),
        *_rows(table),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _rows(table: Plain) -> Iterator[str]:
    for block in table.blocks:
        yield r"\midrule"
        if block.title:
            yield rf"\multicolumn{{{len(table.heads)}}}{{@{{}}l@{{}}}}{{\emph{{{escaped(block.title)}}}}} \\"
        for row in block.rows:
            yield _line([_cell(entry) for entry in row])


def _cell(entry: Entry) -> str:
    text = escaped(entry.text)
    return rf"\textbf{{{text}}}" if entry.is_best else text


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
