"""A dashboard as a picture: what Grafana would show of it, drawn by matplotlib."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from earwitness.errors import NotReady
from tools.monitoring.panels import Panel
from tools.monitoring.prometheus import Line

ACROSS = 4
WIDTH_IN, HEIGHT_IN, EMPTY_IN, ROW_IN = 4.2, 2.3, 0.5, 0.4
DPI = 80
MOST_IN_LEGEND, ONE_COLUMN = 12, 6
ABOVE = 0.03
TIMES = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
NUMBERS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
SUFFIXES = {"reqps": " req/s", "ops": "/s", "percent": " %", "mbytes": " MiB"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A panel and what its queries returned, by legend."""

    panel: Panel
    lines: Sequence[tuple[str, Line]]

    @property
    def is_empty(self) -> bool:
        """Whether there is not one number to show."""
        return not any(math.isfinite(value) for _, line in self.lines for _, value in line.points)


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """Returns the name of a series, as Grafana makes it of `{{label}}`."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern).strip(" ,")


def shown(value: float, unit: str) -> str:
    """Returns a number with its unit, Grafana's name of which is given."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit in ("s", "ms"):
        return _scaled(value if unit == "s" else value / 1000, TIMES, "s")
    if unit == "bytes":
        return _scaled(value, SIZES, "B")
    if unit == "sci":
        return f"{value:.2g}"
    return _scaled(value, NUMBERS, "", tight=True) + SUFFIXES.get(unit, "")


def draw(title: str, rows: Sequence[tuple[str, Sequence[Drawn]]], start: float, end: float, out: Path) -> None:
    """Writes a PNG of headings and the panels below each, over a time in seconds since 1970.

    Raises NotReady without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NotReady("it is not installed", "matplotlib", "pip install matplotlib") from None
    lines = [
        (heading if at == 0 else "", row[at : at + ACROSS])
        for heading, row in rows
        for at in range(0, len(row), ACROSS)
    ]
    heights = [ROW_IN + (EMPTY_IN if all(drawn.is_empty for drawn in line) else HEIGHT_IN) for _, line in lines]
    figure = Figure(figsize=(WIDTH_IN * ACROSS, ROW_IN + sum(heights)), layout="constrained")
    figure.suptitle(title, fontsize=11)
    parts = figure.subfigures(len(lines), 1, squeeze=False, height_ratios=heights)
    for (heading, line), part in zip(lines, parts[:, 0], strict=True):
        if heading:
            part.suptitle(heading, x=0.01, ha="left", fontsize=10, fontweight="bold")
        for axes, drawn in zip_longest(part.subplots(1, ACROSS, squeeze=False)[0], line):
            if drawn is None:
                axes.set_axis_off()
            else:
                axes.set_title(drawn.panel.title, fontsize=9, loc="left")
                _lack(axes, drawn.panel) if drawn.is_empty else _fill(axes, drawn, start, end)
    figure.savefig(out, dpi=DPI)


def _lack(axes: Any, panel: Panel) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    reason = f"needs {panel.needs}" if panel.needs else "empty"
    axes.text(0.5, 0.5, reason, ha="center", va="center", fontsize=8, color="gray")


def _fill(axes: Any, drawn: Drawn, start: float, end: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, StrMethodFormatter

    panel = drawn.panel
    named = [
        (name, [at - start for at, _ in line.points], [value for _, value in line.points])
        for name, line in drawn.lines
        if any(math.isfinite(value) for _, value in line.points)
    ]
    if panel.is_stacked:
        _stack(axes, named)
    else:
        for name, times, values in named:
            axes.plot(times, values, linewidth=1, label=name)
    highest = axes.get_ylim()[1] if any(value for _, _, values in named for value in values) else 1.0
    if panel.is_logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(-ABOVE * highest, highest * (1 + ABOVE))  # so that neither end lies under the frame
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(partial(_tick, panel.unit)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(0, end - start)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g} s"))
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    handles, names = axes.get_legend_handles_labels()
    columns = 1 if len(names) <= ONE_COLUMN else 2
    axes.legend(handles[:MOST_IN_LEGEND], names[:MOST_IN_LEGEND], fontsize=6, loc="best", ncols=columns)


def _tick(unit: str, value: float, _place: int) -> str:
    return shown(value, unit)


def _stack(axes: Any, named: Sequence[tuple[str, list[float], list[float]]]) -> None:
    """Stacks series that need not have points at the same times."""
    times = sorted({at for _, series, _ in named for at in series})
    found = [dict(zip(series, values, strict=True)) for _, series, values in named]
    heights = [[each.get(at, 0.0) for at in times] for each in found]
    axes.stackplot(times, *heights, labels=[name for name, _, _ in named], alpha=0.6)


def _scaled(value: float, scale: Sequence[tuple[float, str]], smallest: str, *, tight: bool = False) -> str:
    for size, name in scale:
        if abs(value) >= size:
            return f"{value / size:.3g}{'' if tight else ' '}{name}"
    return f"{value:.3g}{'' if tight else ' '}{smallest}"
