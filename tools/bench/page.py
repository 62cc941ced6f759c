"""The figures as tables: on the terminal, and in a Markdown file with the machine and versions that they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from tools.bench.figures import Comparison, Lap, Spread, compare, groups
from tools.bench.machine import Machine, revision, today
from tools.bench.mock import DELAY_S

TITLES = {"akb": "Text", "mmau": "Audio: ten-second clips"}
MIB = 1 << 20
TITLE = "Asking: Earwitness, a bare client and other harnesses"
METHOD = f"""\
Every harness asks the same questions of the same mock, which answers each after {DELAY_S * 1000:.0f} ms, and has to
find the accuracy that is right. Each measurement has a mock and a process of its own. The harnesses take turns, and
each round begins with another. Ratios are taken round by round. Figures are medians with [least, greatest].

Three clocks: *own*, what the harness says that its evaluation took (the bare client its asking, Earwitness `wall_s`
in `timings.json`, lm-eval `total_evaluation_time_seconds`, inspect-ai `completed_at` less `started_at`, which are
whole seconds); *process*, from the start of its command to its end; *server*, from the first question that reached
the mock to the last answer that left it. A harness that prepares every question before it asks the first is fast by
the server's clock alone.

CPU is user and system time of the harness's processes; memory is their greatest resident sum, seen twice a second;
written is the size of logs and results for 1,000 items. "No answer kept" is a harness's fastest way, after which
nothing can be scored again. The mock's load is its CPU time as a share of the server's clock: where it nears 100 %,
it is the mock that is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A titled table of text; the first `num_names` columns are set left, the others right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    num_names: int = 2

    def markdown(self) -> str:
        """Returns it under a heading."""
        rule = ["---"] * self.num_names + ["--:"] * (len(self.columns) - self.num_names)
        lines = [self.columns, rule, *self.rows]
        return f"## {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def rich(self) -> RichTable:
        """Returns it for the terminal."""
        table = RichTable(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number < self.num_names else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def tables(laps: Sequence[Lap], failures: Sequence[str]) -> list[Table]:
    """Returns the tables of a run, the targets first."""
    found = [_targets(compare(laps))]
    for (benchmark, in_flight), contestants in groups(laps).items():
        title = f"{TITLES[benchmark]}, {laps_items(contestants):,} items, {in_flight} in flight"
        columns = (
            "harness",
            "wire",
            "rounds",
            "own items/s",
            "process items/s",
            "server items/s",
            "own s",
            "process s",
        )
        costs = ("CPU s", "peak MiB", "written KiB per 1,000", "mock's load %")
        rows = [_row(contestant) for contestant in contestants]
        found.append(Table(title=title, columns=(*columns, *costs), rows=rows))
    if failures:
        rows = [(failure,) for failure in failures]
        found.append(Table(title="What failed", columns=("why",), rows=rows, num_names=1))
    return [*found, _rounds(laps)]


def laps_items(contestants: Sequence[Sequence[Lap]]) -> int:
    """Returns how many items each lap of a table had."""
    return contestants[0][0].items


def show(found: Sequence[Table], console: Console) -> None:
    """Prints all tables but the last, which has every lap."""
    for table in found[:-1]:
        console.print(table.rich())


def write(
    path: Path,
    found: Sequence[Table],
    *,
    title: str = TITLE,
    method: str = METHOD,
    machine: Machine,
    command: str,
    versions: Mapping[str, str],
    minutes: float,
) -> None:
    """Writes the Markdown file."""
    facts = [("date", today()), ("command", f"`{command}`"), ("took", f"{minutes:.0f} min"), ("commit", revision())]
    rows = [*facts, *versions.items()]
    head = "| | |\n|---|---|\n" + machine.markdown() + "\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)
    parts = [
        f"# {title}",
        head,
        method,
        *(each.markdown() for each in found),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(parts) + "\n")


def _row(laps: Sequence[Lap]) -> tuple[str, ...]:
    """Returns a contestant's line."""
    rates = [Spread.of(lap.rate(clock) for lap in laps).text() for clock in ("own", "process", "server")]
    seconds = [Spread.of(lap.seconds(clock) for lap in laps).text(1) for clock in ("own", "process")]
    costs = (
        Spread.of(lap.cpu_s for lap in laps).text(1),
        Spread.of(lap.peak_rss / MIB for lap in laps).text(),
        Spread.of(lap.written / lap.items * 1000 / 1024 for lap in laps).text(),
        Spread.of(lap.mock_load * 100 for lap in laps).text(),
    )
    return (laps[0].name, laps[0].wire, str(len(laps)), *rates, *seconds, *costs)


def _targets(comparisons: Sequence[Comparison]) -> Table:
    """Returns the ratios, and whether they are what they should be."""
    rows = [
        (
            f"{TITLES[each.benchmark].split(':')[0].lower()} over {each.wire}",
            each.against,
            str(each.in_flight),
            *(each.ratios[clock].text(2) for clock in ("own", "process", "server")),
            "" if each.wanted is None else f">= {each.wanted:g} ({' and '.join(each.judged_by)})",
            {None: "", True: "pass", False: "FAIL"}[each.met],
        )
        for each in comparisons
    ]
    columns = ("Earwitness", "against", "in flight", "own", "process", "server", "wanted", "verdict")
    return Table(title="Earwitness's items per second as a multiple", columns=columns, rows=rows)


def _rounds(laps: Sequence[Lap]) -> Table:
    """Returns every lap, in the order in which they ran."""
    columns = (
        "harness",
        "wire",
        "benchmark",
        "in flight",
        "round",
        "own s",
        "process s",
        "server s",
        "CPU s",
        "peak MiB",
        "most at mock",
    )
    rows = [
        (
            lap.name,
            lap.wire,
            lap.benchmark,
            str(lap.in_flight),
            str(lap.round + 1),
            *(f"{lap.seconds(clock):.2f}" for clock in ("own", "process", "server")),
            f"{lap.cpu_s:.2f}",
            f"{lap.peak_rss / MIB:.0f}",
            str(lap.mock_peak),
        )
        for lap in laps
    ]
    return Table(title="Every measurement", columns=columns, rows=rows, num_names=3)
