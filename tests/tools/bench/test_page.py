from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tests.tools.bench.test_figures import LAP
from tools.bench import page
from tools.bench.machine import Machine, today


def test_the_file_has_the_machine_the_versions_and_every_figure(tmp_path: Path) -> None:
    tables = page.tables([LAP, replace(LAP, name="bare client", own_s=0.5)], ["one of them: no answer"])
    path = tmp_path / "new" / "fanout.md"
    page.write(path, tables, machine=Machine.here(), command="make", versions={"lm-eval": "0.4.13"}, minutes=1.0)
    text = path.read_text()
    for part in (today(), "| lm-eval | 0.4.13 |", "FAIL", "0.50", "one of them: no answer", "Every measurement"):
        assert part in text
    rows = [line for line in text.splitlines() if line.startswith("| Earwitness | http")]
    assert "| 1,000 | 500 | 1,000 | 1.0 | 2.0 |" in rows[0]


def test_the_terminal_shows_the_tables_but_not_every_measurement() -> None:
    console = Console(width=200, record=True)
    page.show(page.tables([LAP], []), console)
    shown = console.export_text()
    assert "1,000 items, 256 in flight" in shown
    assert "Every measurement" not in shown
