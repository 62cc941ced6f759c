"""What the paper published, as values: its tables, its captioners, the LALMs it compares with, and its heat map.

The paper is arXiv:2603.19195; `data/published.json` holds its numbers, in percent as printed, and notes which of them
are derived. Backbones of one vendor's generation count as one family, since they share data and recipe.

*Scatters.* Any two columns of `columns()` make one. Text against cascade has 17 backbones, also category by category.
Text or cascade against audio has the 8 backbones that were given ears, and there the audio side is an average only: the
paper tabulates no category of it. In its figure of such scatters the Phi points look shifted by one column of the
table, so nothing here is read off that figure.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec

from earwitness.errors import NotFound
from services.evaluator.backbones import Row, Score
from services.evaluator.items import Setting
from services.evaluator.stats import Correlation, matrix

_FILE = Path(__file__).parent / "data" / "published.json"
COLUMNS = {
    ("akb", "text"): "AKB",
    ("mmau", "cascade"): "MMAU_T",
    ("mmar", "cascade"): "MMAR_T",
    ("mmau", "audio"): "MMAU_A",
    ("mmar", "audio"): "MMAR_A",
}
"""The paper's names of a benchmark in a setting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One row of a table, in percent as printed."""

    accuracy: float
    groups: dict[str, float] = field(default_factory=dict[str, float])
    """By category; empty where the paper has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One benchmark in one setting."""

    benchmark: str
    setting: Setting
    table: str
    n: int
    """Items in the average."""
    groups: dict[str, int]
    """Items in each category; derived, not printed. In MMAR they leave out items that mix modalities."""
    rows: dict[str, Result]
    """By backbone, in the order of the table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedCell:
    """A cell of the heat map as printed."""

    x: str
    y: str
    printed: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """The file."""

    source: str
    notes: tuple[str, ...]
    """What in it is derived, and what to beware of."""
    families: dict[str, str]
    """Of each backbone."""
    columns: dict[str, Column]
    captioners: dict[str, dict[str, Result]]
    """By captioner, then by column: one backbone, Gemini-2.5-Pro, told by different captioners."""
    lalms: dict[str, dict[str, Result]]
    """Audio language models by other recipes, by name, then by column."""
    heat_map: tuple[PrintedCell, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A Pearson correlation as the paper prints it, and as its printed tables give it."""

    x: str
    y: str
    printed: float
    correlation: Correlation
    """Recomputed, with the intervals that the paper does not print."""

    @property
    def recomputed(self) -> float:
        """The coefficient that the tables give."""
        return self.correlation.r

    @property
    def reproduces(self) -> bool:
        """Whether the tables give what is printed, to the two decimals printed."""
        return abs(self.recomputed - self.printed) <= 0.005


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A backbone in a scatter; both accuracies are shares in [0, 1]."""

    backbone: str
    family: str
    x: float
    y: float


@cache
def load() -> Published:
    """Returns what the file holds. The values are shared: leave their dictionaries as they are."""
    return msgspec.json.decode(_FILE.read_bytes(), type=Published)


@cache
def rows() -> tuple[Row, ...]:
    """Returns the paper's backbones with their scores by column, a category's as "MMAU_T/Speech", for relating them."""
    published = load()
    scores: dict[str, dict[str, Score]] = {backbone: {} for backbone in published.families}
    for name, column in published.columns.items():
        for backbone, result in column.rows.items():
            own = scores[backbone]
            own[name] = Score(accuracy=result.accuracy / 100, n=column.n)
            for group, percent in result.groups.items():
                own[f"{name}/{group}"] = Score(accuracy=percent / 100, n=column.groups[group])
    return tuple(
        Row(backbone=backbone, family=published.families[backbone], scores=own) for backbone, own in scores.items()
    )


def columns() -> tuple[str, ...]:
    """Returns the names of the columns that have numbers, categories included; any two of them make a scatter."""
    return tuple(dict.fromkeys(column for row in rows() for column in row.scores))


def scatter(x: str, y: str) -> tuple[Point, ...]:
    """Returns the backbones that have both columns; raises `NotFound` for a column that the paper does not tabulate."""
    for name in (x, y):
        if name not in columns():
            raise NotFound(f"the paper tabulates no '{name}'", "column", f"it has {', '.join(columns())}")
    return tuple(
        Point(backbone=row.backbone, family=row.family, x=row.scores[x].accuracy, y=row.scores[y].accuracy)
        for row in rows()
        if x in row.scores and y in row.scores
    )


@cache
def heat_map() -> tuple[Cell, ...]:
    """Returns the paper's ten correlations, in the order of its heat map. Two of them do not come out of its tables."""
    published = load()
    found = matrix(
        {
            name: {backbone: result.accuracy for backbone, result in column.rows.items()}
            for name, column in published.columns.items()
        }
    )
    return tuple(
        Cell(x=cell.x, y=cell.y, printed=cell.printed, correlation=found[cell.x, cell.y]) for cell in published.heat_map
    )
