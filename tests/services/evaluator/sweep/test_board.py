import io
from dataclasses import replace

import pytest
from rich.console import Console

from services.evaluator.cost import Cost
from services.evaluator.run import Progress
from services.evaluator.sweep.board import Board
from services.evaluator.sweep.execute import Event
from tests.services.evaluator.sweep.sample import DEAF, lattice

MANY = tuple(replace(DEAF, name=f"backbone-{at}", llm=f"h:{at}") for at in range(30))


def console(height: int = 40, *, terminal: bool = True, width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=terminal, color_system=None)


def event(cell, state="running", done=2, total=4, **more) -> Event:
    progress = Progress(done=done, total=total, reused=more.pop("reused", 0), failed=more.pop("failed", 0))
    return Event(cell=cell, state=state, seconds=2.0, progress=progress, **more)


def drawn(board: Board) -> list[str]:
    with board.console.capture() as captured:
        board.console.print(board.table())
    return [line.strip() for line in captured.get().splitlines() if line.strip()]


@pytest.fixture
def board():
    board = Board(lattice(), console())
    first, second, *_ = lattice().cells
    board.show(event(first, "done", done=4, reused=1, cost=Cost(usd=0.5)))
    board.show(event(second, total=6, failed=1, cost=Cost(usd=0.25)))
    return board


def test_each_cell_has_a_row_with_its_state_progress_rate_and_cost(board):
    assert [line.split() for line in drawn(board)[2:6]] == [
        ["hearing"],
        ["✓", "text", "words", "4/4", "1.5", "·", "1", "$0.50"],
        ["▸", "cascade", "clips", "2/6", "1.0", "0:04", "1", "·", "$0.25"],
        ["audio", "clips", "6"],
    ]


def test_the_last_line_is_the_sum(board):
    last = drawn(board)[-1].split()
    assert last[:4] == ["▸", "all", "1/5", "runs"]
    assert last[4:] == ["6/26", "1.2", "0:13", "1", "1", "$0.75"]


def test_a_failed_cell_is_marked_and_so_is_the_sum_at_the_end():
    board = Board(lattice(), console())
    for cell in lattice().cells:
        board.show(event(cell, "failed" if cell.setting == "audio" else "done"))
    assert sum(line.startswith("✗") for line in drawn(board)) == 2
    assert drawn(board)[-1].startswith("✗ all")


@pytest.mark.parametrize("height", [12, 24, 60, 200])
@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_console_and_never_hides_what_runs_nor_the_sum(height, width):
    found = lattice(backbones=MANY)
    board = Board(found, console(height, width=width))
    for cell in found.cells[:20]:
        board.show(event(cell, "done", done=4))
    board.show(event(found.cells[20]))
    lines = drawn(board)
    assert len(lines) < height
    assert all(len(line) <= width for line in lines)
    assert any(line.startswith("▸   text words") for line in lines)
    assert lines[-1].startswith("▸ all  20/60 runs")


def test_folded_rows_stand_for_every_cell():
    found = lattice(backbones=MANY)
    board = Board(found, console(16))
    for cell in found.cells[:20]:
        board.show(event(cell, "done", done=4))
    board.show(event(found.cells[20]))
    assert [line.split()[:5] for line in drawn(board)[2:-1]] == [
        ["✓", "10", "backbones", "20", "runs"],
        ["backbone-10"],
        ["▸", "text", "words", "2/4", "1.0"],
        ["cascade", "clips", "6"],
        ["19", "backbones", "38", "runs", "190"],
    ]


def test_without_a_terminal_there_are_lines_when_a_cell_begins_and_ends(board):
    board = Board(lattice(), console(terminal=False))
    cell = lattice().cells[0]
    with board:
        board.show(Event(cell=cell, state="running"))
        board.show(event(cell, done=1))
        board.show(event(cell, done=2))
        board.show(event(cell, "done", done=4, reused=1, failed=1, cost=Cost(usd=0.5)))
        board.show(Event(cell=lattice().cells[1], state="failed", error="nobody\nanswers"))
    assert board.console.file.getvalue().splitlines() == [
        "[1/5] hearing text words: running",
        "[1/5] hearing text words: done, 4 of 4, 1.5 items/s, 1 reused, 1 failed, $0.50",
        "[2/5] hearing cascade clips: failed: nobody answers",
    ]


def test_nobody_s_name_is_read_as_markup():
    found = lattice(backbones=(replace(DEAF, name="[red]x[/red]"),))
    board = Board(found, console())
    board.show(event(found.cells[0]))
    assert any("[red]x[/red]" in line for line in drawn(board))
