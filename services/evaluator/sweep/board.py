"""A sweep as it runs: on a terminal a table that keeps itself up to date, elsewhere a line now and then.

Where the table would not fit, backbones that are over or yet to come are folded into a line each.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.evaluator.cost import Cost
from services.evaluator.sweep import words
from services.evaluator.sweep.cells import Cell, Lattice
from services.evaluator.sweep.execute import Event, State
from services.evaluator.sweep.words import NOTHING

LINE_EVERY_S = 30.0
FRAME = 8
"""Lines of a table that are no rows, with two to spare."""
COLUMNS = (("done", 11), ("items/s", 7), ("left", 6), ("failed", 6), ("reused", 6), ("cost", 6))
Row = tuple[str, Sequence[Cell]]
"""A title, and the cells that it stands for: none for a backbone whose cells follow."""
MARKS: dict[State | None, tuple[str, str]] = {
    "running": ("▸", "bold cyan"),
    "done": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "stopped": ("■", "yellow"),
    None: (" ", "dim"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """Some cells together."""

    done: int = 0
    total: int = 0
    fresh: int = 0
    """Items that were asked, not reused."""
    failed: int = 0
    reused: int = 0
    seconds: float = 0.0
    cost: Cost = field(default_factory=Cost)


class Board:
    """Shows events. Use it as a context manager."""

    def __init__(self, lattice: Lattice, console: Console) -> None:
        self.lattice = lattice
        self.console = console
        self._events: dict[Cell, Event] = {}
        self._said_at = 0.0
        self._live = Live(console=console, get_renderable=self.table, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def show(self, event: Event) -> None:
        """Takes an event."""
        began = event.cell not in self._events
        self._events[event.cell] = event
        if not self.console.is_terminal and self._is_due(event, began):
            self._said_at = time.monotonic()
            self.console.print(self.line(event), soft_wrap=True, highlight=False, markup=False)

    def line(self, event: Event) -> str:
        """Returns an event in words."""
        cell = event.cell
        head = f"[{self.lattice.cells.index(cell) + 1}/{len(self.lattice.cells)}]"
        head = f"{head} {cell.backbone.name} {self.lattice.title(cell)}: {event.state}"
        if event.error:
            return f"{head}: {' '.join(event.error.split())}"
        if event.progress is None:
            return head
        seen = self._sum([cell])
        facts = [f"{seen.done} of {seen.total}", f"{words.rate(seen.fresh, seen.seconds)} items/s"]
        facts += [f"{seen.reused} reused"] if seen.reused else []
        facts += [f"{seen.failed} failed"] if seen.failed else []
        facts += [words.dollars(seen.cost)] if seen.cost.usd is not None else []
        return f"{head}, {', '.join(facts)}"

    def table(self) -> Table:
        """Returns the table as it is now."""
        drawn = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
        drawn.add_column(Text(f"  {self.lattice.sweep.name}", style="bold"))
        for head, width in COLUMNS:
            drawn.add_column(head, justify="right", no_wrap=True, min_width=width)
        for title, cells in self._rows():
            drawn.add_row(*self._row(title, cells))
        drawn.add_section()
        drawn.add_row(*self._row("all", self.lattice.cells), style="bold")
        return drawn

    def _rows(self) -> list[Row]:
        """Returns what stands in the table: every cell if the console is high enough, else ever more in one row."""
        groups = [(name, list(cells)) for name, cells in groupby(self.lattice.cells, lambda cell: cell.backbone.name)]
        room = self.console.height - FRAME
        rows = [row for name, cells in groups for row in self._opened(name, cells)]
        if len(rows) <= room:
            return rows
        rows = [
            row
            for name, cells in groups
            for row in (self._opened(name, cells) if self._phase(cells) == "running" else [(name, cells)])
        ]
        if len(rows) <= room:
            return rows
        phases = groupby(groups, lambda group: self._phase(group[1]))
        return [row for phase, part in phases for row in self._merged(phase, list(part), room)]

    def _opened(self, name: str, cells: Sequence[Cell]) -> list[Row]:
        return [(name, ()), *((f"  {self.lattice.title(cell)}", (cell,)) for cell in cells)]

    def _merged(self, phase: str, groups: Sequence[tuple[str, Sequence[Cell]]], room: int) -> list[Row]:
        """Puts the backbones of a phase in one row, but for the one at work; of that, what is over and what is not."""
        if phase != "running":
            cells = [cell for _, each in groups for cell in each]
            return [(f"{len(groups)} backbones" if len(groups) > 1 else groups[0][0], cells)]
        name, cells = groups[0]
        opened = self._opened(name, cells)
        if len(opened) <= room - 2:
            return opened
        parts = [list(part) for _, part in groupby(cells, lambda cell: self._phase([cell]))]
        single = [("  " + (self.lattice.title(part[0]) if len(part) == 1 else ""), part) for part in parts]
        return [(name, ()), *single]

    def _row(self, name: str, cells: Sequence[Cell]) -> list[Text | str]:
        if not cells:
            return [words.short(f"  {name}", style="bold")]
        state, seen = self._state(cells), self._sum(cells)
        mark, style = MARKS[state]
        title = words.short(f"{mark} {name}", style="" if state else "dim")
        title.stylize(style, 0, 1)
        if len(cells) > 1:
            over = sum(self._phase([cell]) == "over" for cell in cells)
            of = "" if self._phase(cells) != "running" else f"{over}/"
            title.append(f"  {of}{len(cells)} runs", style="dim")
        if state is None:
            return [title, Text(words.count(seen.total), style="dim")]
        return [
            title,
            f"{words.count(seen.done)}/{words.count(seen.total)}",
            words.rate(seen.fresh, seen.seconds),
            self._left(seen) if state == "running" else "",
            Text(words.count(seen.failed), style="bold red") if seen.failed else NOTHING,
            words.count(seen.reused) if seen.reused else NOTHING,
            NOTHING if seen.cost.usd is None else words.dollars(seen.cost),
        ]

    def _state(self, cells: Sequence[Cell]) -> State | None:
        """Of several cells: at work while one is, over when all are."""
        states = {self._events[cell].state if cell in self._events else None for cell in cells}
        if states <= {None}:
            return None
        for state in ("stopped", "running"):
            if state in states:
                return state
        return "running" if None in states else "failed" if "failed" in states else "done"

    def _phase(self, cells: Sequence[Cell]) -> str:
        """Returns whether all of them are over or none has begun; "running" otherwise."""
        state = self._state(cells)
        return "waiting" if state is None else "over" if state in ("done", "failed") else "running"

    def _sum(self, cells: Sequence[Cell]) -> Sum:
        events = [self._events[cell] for cell in cells if cell in self._events]
        seen = [event.progress for event in events if event.progress]
        done, reused = sum(each.done for each in seen), sum(each.reused for each in seen)
        return Sum(
            done=done,
            total=sum(len(self.lattice.benchmarks[cell.benchmark].items) for cell in cells),
            fresh=done - reused,
            failed=sum(each.failed for each in seen),
            reused=reused,
            seconds=sum(event.seconds for event in events),
            cost=sum((event.cost for event in events), Cost()),
        )

    def _left(self, seen: Sum) -> str:
        return words.span((seen.total - seen.done) * seen.seconds / seen.done) if seen.done and seen.seconds else ""

    def _is_due(self, event: Event, began: bool) -> bool:
        return began or event.state != "running" or time.monotonic() - self._said_at > LINE_EVERY_S
