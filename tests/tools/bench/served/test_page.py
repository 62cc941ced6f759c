from pathlib import Path

from rich.console import Console

from tests.tools.bench.served.test_pairs import RATIOS, contest
from tools.bench.machine import Machine, today
from tools.bench.served import page
from tools.bench.served.agreement import Agreement
from tools.bench.served.page import Findings
from tools.bench.served.small import Delay

AGREEMENT = Agreement(questions=240, same_best=0.95, same_order=0.9, most_apart=0.25)


def findings(wanted: float, served_ms: float) -> Findings:
    delay = Delay(served_ms=(served_ms,) * 5, bare_ms=(1.0,) * 5)
    return Findings(contests=[contest(RATIOS, wanted)], delay=delay, agreement=AGREEMENT)


def test_the_page_has_the_verdicts_the_bounds_and_every_round(tmp_path: Path) -> None:
    path = tmp_path / "new" / "serving.md"
    found = page.tables(findings(0.95, 4.5))
    page.write(path, found, machine=Machine.here(), command="make", versions={"ray": "2.60.0"}, minutes=3)
    text = path.read_text()
    for part in (today(), "| ray | 2.60.0 |", "0.930", "| 0.980 [0.930, 1.010]", "+3.50 ms", "95.0%", "0.250"):
        assert part in text
    assert text.count("FAIL") == 2
    assert sum(line.startswith(f"| {number} | 10 |") for number in range(1, 6) for line in text.splitlines()) == 5


def test_everything_is_met_only_if_each_is() -> None:
    assert findings(0.9, 3.9).met
    assert not findings(0.9, 4.1).met
    assert not findings(0.94, 3.9).met


def test_the_terminal_shows_it() -> None:
    console = Console(width=200, record=True)
    page.show(page.tables(findings(0.9, 2.0)), console)
    assert console.export_text().count("pass") == 2
