"""How many workers there were over time, as a picture: one panel for each sweep that was watched."""

from collections.abc import Mapping, Sequence
from pathlib import Path

LINES = (
    ("least", "wanted at least", "#999999", "--"),
    ("pods", "pods", "#d9822b", "-"),
    ("ready", "ready", "#1f5fa8", "-"),
)
"""A note's key, what it is called, its colour and its stroke."""


def draw(watched: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Draws notes of `recorder.recorded`, by title, as a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 2.8 * len(watched)), layout="constrained")
    rows = figure.subplots(len(watched), 1, squeeze=False)[:, 0]
    for axes, (title, notes) in zip(rows, watched.items(), strict=True):
        seconds = [note["seconds"] for note in notes]
        for number, (key, label, colour, stroke) in enumerate(LINES):
            level = [note[key] - 0.03 * (number - 1) for note in notes]  # lines at one height stay apart
            axes.step(seconds, level, where="post", label=label, color=colour, linestyle=stroke, linewidth=2)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_ylabel("workers")
        axes.set_ylim(-0.2, max(3.0, *(note["pods"] for note in notes)) + 0.3)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.97), frameon=False, ncols=len(LINES), fontsize=9)
    rows[-1].set_xlabel("s")
    figure.savefig(path, dpi=110)
